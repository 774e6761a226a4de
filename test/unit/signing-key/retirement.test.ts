import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { checkRetirement, toldKeys } from "../../../components/signing-key/index.ts";

describe("retiring a signing key", () => {
  const told = ["server-cache-1:aaa=", "server-cache-2:bbb="];

  it("is refused while machines trust none of those that stay, with what to do first", () => {
    assert.throws(() => {
      checkRetirement("home", ["server-cache-2"], told.slice(0, 1));
    }, /signing\.keys: would be server-cache-2, but the machines trust only server-cache-1 .*Keep server-cache-1 beside/);
  });

  it("is allowed once they were told of one that stays, and adding always is", () => {
    checkRetirement("home", ["server-cache-2"], told);
    checkRetirement("home", ["server-cache-1", "server-cache-2"], told.slice(0, 1));
    checkRetirement("home", ["server-cache-1"], told);
  });

  it("is nobody's concern before any machine was told", () => {
    checkRetirement("home", ["server-cache-2"], undefined);
    checkRetirement("home", ["server-cache-2"], []);
  });

  it("reads what machines were told from the stack's committed facts", () => {
    const folder = mkdtempSync(join(tmpdir(), "vars-"));
    try {
      writeFileSync(join(folder, "home.json"), JSON.stringify({ cache: { publicKeys: told } }));
      assert.deepEqual(toldKeys("home", pathToFileURL(`${folder}/`)), told);
      assert.equal(toldKeys("away", pathToFileURL(`${folder}/`)), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
