import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { Queue } from "../../nix/cachectl/queue/queue.ts";
import { HookHost, out, shells } from "./hook-fixture.ts";

const root = process.getuid?.() === 0;
/** Whether this machine lets a test mount a file system: in a container it may not. */
const mounts = root && spawnSync("unshare", ["-m", "true"]).status === 0;

for (const shell of shells) {
  describe(`a machine in trouble and the hook under ${shell.name}`, () => {
    let host: HookHost;
    beforeEach(() => (host = new HookHost(shell.command)));
    afterEach(() => host.remove());

    it("works with a PATH that has nothing, and one that has impostors", () => {
      const impostors = join(host.folder, "bin");
      mkdirSync(impostors);
      for (const name of ["ln", "mv", "mkdir"]) host.program(`bin/${name}`, "exit 1");
      host.run({ PATH: "/nonexistent", OUT_PATHS: out("a") });
      host.run({ PATH: impostors, OUT_PATHS: out("b") });
      assert.equal(host.run({ PATH: "", OUT_PATHS: out("c") }).entries.length, 3);
    });

    it("fails no build where the queue's place is a file, and says how the build is queued later", () => {
      writeFileSync(host.state, "");
      writeFileSync(host.roots, "");
      assert.match(host.run({ OUT_PATHS: out("a") }).stderr, /cachectl reconcile$/m);
    });

    it("keeps the root where the entry can't be written", () => {
      mkdirSync(join(host.state, "queue/new"), { recursive: true });
      writeFileSync(join(host.state, "queue/tmp"), "");
      const { entries, stderr } = host.run({ OUT_PATHS: out("a") });
      assert.deepEqual(entries, []);
      assert.match(stderr, /its root is there/);
      assert.equal(readdirSync(join(host.roots, "queue")).length, 1);
    });

    it("writes the entry where the root can't be made", () => {
      writeFileSync(host.roots, "");
      assert.equal(host.run({ OUT_PATHS: out("a") }).entries.length, 1);
    });

    it("leaves a whole entry or none when it is killed, and a root for all that has an entry", async () => {
      // The tmp folder stands first, so that the time is spent where the entry is made.
      host.run({ OUT_PATHS: out("first") });
      for (let time = 0; time < 60; time++)
        await host.runAndKill({ OUT_PATHS: `${out(`a${time}`)} ${out(`b${time}`)}` }, time / 10);
      const queue = new Queue({ queue: join(host.state, "queue"), roots: host.roots });
      for (const name of host.list("new")) {
        const entry = host.entry(name);
        assert.ok("paths" in entry, `${name} ${JSON.stringify(entry)}`);
        assert.deepEqual(host.rootsOf(name), [...entry.paths].sort());
      }
      // What was left half done is in reach of the uploader: a later adoption names it by its roots.
      queue.prepare();
      const later = Date.now() + 3600_000;
      queue.adopt(later);
      queue.clean(later);
      assert.deepEqual(host.list("tmp"), []);
    });

    if (mounts) {
      /** A small file system of its own at the queue's place. */
      const mounted = (options: string, then: (remount: (options: string) => void) => void): void => {
        mkdirSync(host.state);
        execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", host.state]);
        try {
          then((change) => execFileSync("mount", ["-o", `remount,${change}`, host.state]));
        } finally {
          execFileSync("umount", [host.state]);
        }
      };

      it("leaves no entry behind on a full disk, and fails no build", () => {
        mounted("size=8k,nr_inodes=100", () => {
          for (const name of ["new", "tmp"]) mkdirSync(join(host.state, "queue", name), { recursive: true });
          spawnSync("dd", ["if=/dev/zero", `of=${host.state}/filler`, "bs=1k", "count=100"]);
          const { stderr, entries } = host.run({ OUT_PATHS: out("a") });
          assert.match(stderr, /can't be written; its root is there/);
          assert.deepEqual(entries, []);
        });
      });

      it("fails no build on a disk without room for one more name", () => {
        mounted("size=1m,nr_inodes=4", () => {
          for (const name of ["new", "tmp"]) mkdirSync(join(host.state, "queue", name), { recursive: true });
          assert.match(host.run({ OUT_PATHS: out("a") }).stderr, /can't be written; its root is there/);
        });
      });

      it("fails no build on a disk that is read-only", () => {
        mounted("size=1m", (remount) => {
          for (const name of ["new", "tmp"]) mkdirSync(join(host.state, "queue", name), { recursive: true });
          remount("ro");
          assert.match(host.run({ OUT_PATHS: out("a") }).stderr, /can't be written; its root is there/);
        });
      });
    }

    if (root) {
      it("fails no build of a user who may write nothing", () => {
        mkdirSync(join(host.state, "queue"), { recursive: true, mode: 0o755 });
        chmodSync(host.folder, 0o755);
        assert.match(host.run({ OUT_PATHS: out("a") }, 65_534).stderr, /cachectl reconcile$/m);
      });
    }
  });
}
