import assert from "node:assert/strict";
import { at, evaluate, type Json, libs, needsNix } from "./module-nix.ts";
import { vars } from "./module-stack.ts";

for (const lib of libs()) {
  describe(`The memory of builds on the server, evaluated with ${lib.name}`, () => {
    before(needsNix);

    /** What the module adds to the daemon's unit. */
    async function daemonWith(populate: object, more: object = {}): Promise<Json | undefined> {
      const server = { enable: true, populate };
      const modules = [{ services: { "nix-binary-cache": { vars, server } } }, more];
      const { config } = await evaluate(lib.path, { roles: ["server"], release: "26.05", modules });
      return at(config, "systemd", "services", "nix-daemon");
    }
    const limited = (MemoryMax: string) => ({ serviceConfig: { MemoryMax, OOMPolicy: "continue" } });

    it("is as much as an evaluation may use, or as an option of its own says", async () => {
      assert.deepEqual(await daemonWith({}), limited("4G"));
      assert.deepEqual(await daemonWith({ memoryMax: "6GiB" }), limited("6G"));
      assert.deepEqual(await daemonWith({ memoryMax: "6GiB", buildMemoryMax: "20GiB" }), limited("20G"));
    });

    it("is left alone where nothing is populated, and where that is asked for", async () => {
      assert.equal(await daemonWith({ enable: false }), undefined);
      assert.equal(await daemonWith({ buildMemoryMax: null }), undefined);
    });

    it("gives way to what the user's own configuration says of the daemon", async () => {
      const own = { systemd: { services: { "nix-daemon": { serviceConfig: { MemoryMax: "50%" } } } } };
      assert.deepEqual(await daemonWith({}, own), limited("50%"));
    });
  });
}
