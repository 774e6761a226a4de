import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { likelySystem, listDevices, readDevices } from "../../../scripts/setup/devices.ts";
import { API_KEY, type Fixture, startFixture } from "../lab-tailscale/fixture.ts";

describe("the tailnet's machines as setup offers them", () => {
  let tailscale: Fixture;
  before(async () => {
    tailscale = await startFixture({
      devices: [
        { name: "server", addresses: ["fd7a:115c:a1e0::1", "100.80.1.10"], tags: ["tag:nix-cache"] },
        { name: "macbook", addresses: ["100.80.1.30"], user: "bob@example.com", os: "macOS" },
        { name: "phone", addresses: ["100.80.1.40"], user: "bob@example.com", os: "iOS" },
      ],
    });
  });
  after(() => tailscale.close());

  const access = (key: string) =>
    ({ baseUrl: tailscale.tailscale.url, tailnet: "-", credential: { kind: "api-key", key } }) as const;

  it("are those that run Nix, with their IPv4 addresses and people, by name", async () => {
    const devices = await listDevices(access(API_KEY));
    assert.deepEqual(
      devices.map(({ name, address, os, user, tags }) => ({ name, address, os, user, tags })),
      [
        { name: "macbook", address: "100.80.1.30", os: "macOS", user: "bob@example.com", tags: [] },
        { name: "server", address: "100.80.1.10", os: "linux", user: undefined, tags: ["tag:nix-cache"] },
      ],
    );
  });

  it("are refused with the reason when the key is no key", async () => {
    await assert.rejects(listDevices(access("tskey-api-none")), /Tailscale refused the credential/);
  });

  it("are named as wrong when something else than Tailscale answers", () => {
    for (const text of ["", "[]", '{"devices":3}', "<html>"]) {
      assert.throws(() => readDevices(text), /expected \{devices/, text);
    }
  });

  it("leave out one without an address instead of failing", () => {
    const answer = {
      devices: [
        { name: "a.ts.net", addresses: [], os: "linux" },
        null,
        { name: "B.ts.net", addresses: ["fd7a::2"], os: "linux" },
      ],
    };
    const [device, ...others] = readDevices(JSON.stringify(answer));
    assert.equal(others.length, 0);
    assert.deepEqual([device?.name, device?.address, device?.tailscaleSsh], ["b", "fd7a::2", false]);
  });

  it("run what their operating system makes likely", () => {
    assert.equal(likelySystem("macOS"), "aarch64-darwin");
    assert.equal(likelySystem("linux"), "x86_64-linux");
  });
});
