import assert from "node:assert/strict";
import { type Fixture, startFixture } from "./fixture.ts";

describe("the stand-in's machines", () => {
  let fixture: Fixture;

  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());

  async function names(query: string): Promise<unknown[]> {
    const { body } = await fixture.request("GET", `/api/v2/tailnet/-/devices${query}`);
    return (body as { devices: { hostname: string }[] }).devices.map(({ hostname }) => hostname);
  }

  it("are listed all, or those that meet every filter, as the real provider asks for one by its host name", async () => {
    assert.deepEqual(await names(""), ["server", "macbook"]);
    assert.deepEqual(await names("?fields=all"), ["server", "macbook"]);
    assert.deepEqual(await names("?hostname=macbook"), ["macbook"]);
    assert.deepEqual(await names("?hostname=macbook&os=linux"), []);
    assert.deepEqual(await names("?addresses=100.80.1.10"), ["server"]);
  });
});
