import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";
import { hook, HookHost, out, shells } from "./hook-fixture.ts";

for (const shell of shells) {
  describe(`the hook under ${shell.name}`, () => {
    let host: HookHost;
    beforeEach(() => (host = new HookHost(shell.command)));
    afterEach(() => host.remove());

    it("makes the queue, one entry and one root for a build of one output", () => {
      const { entries, stderr } = host.run({ OUT_PATHS: out("hello-1"), DRV_PATH: out("hello-1.drv") });
      assert.deepEqual([stderr, entries.length], ["", 1]);
      assert.deepEqual(host.entry(entries[0]), { paths: [out("hello-1")], derivation: out("hello-1.drv") });
      assert.deepEqual(host.rootsOf(entries[0]), [out("hello-1")]);
      assert.deepEqual(host.list("tmp"), []);
      assert.equal(statSync(join(host.state, "queue/new", entries[0] ?? "")).mode & 0o777, 0o644);
    });

    it("makes one entry and a root for each output for a build of several", () => {
      const { entries } = host.run({ OUT_PATHS: ` ${out("a")}  ${out("a-dev")}\t${out("a-doc")}\n`, DRV_PATH: "" });
      assert.deepEqual(host.entry(entries[0]), { paths: [out("a"), out("a-dev"), out("a-doc")] });
      assert.deepEqual(host.rootsOf(entries[0]), [out("a"), out("a-dev"), out("a-doc")]);
    });

    it("queues the same path again beside what waits already", () => {
      host.run({ OUT_PATHS: out("a") });
      assert.equal(host.run({ OUT_PATHS: out("a") }).entries.length, 2);
      assert.equal(readdirSync(join(host.roots, "queue")).length, 2);
    });

    it("leaves out what is no store path, says so, and queues the rest", () => {
      const target = join(host.folder, "touched");
      const odd = `* $(touch\t${target}) ../../etc /nix/store /nix/store/ /nix/store/short-a ${out("a/b")} ${out("ü")} -rf`;
      const { entries, stderr } = host.run({ OUT_PATHS: `${odd} ${out("good")}`, DRV_PATH: "no derivation" });
      assert.deepEqual(host.entry(entries[0]), { paths: [out("good")] });
      assert.match(stderr, /not queued, since it is no store path: -rf$/m);
      assert.doesNotMatch(stderr, /upload-hook\.sh: \d+:/);
      assert.ok(!existsSync(target));
    });

    for (const [what, environment] of [
      ["no OUT_PATHS", {}],
      ["an empty one", { OUT_PATHS: "" }],
      ["blanks only", { OUT_PATHS: " \t\n " }],
      ["100 KB of one word", { OUT_PATHS: "x".repeat(100_000) }],
    ] as const) {
      it(`queues nothing for ${what}`, () => {
        const { entries, stderr } = host.run(environment);
        assert.deepEqual(entries, []);
        assert.match(stderr, /cachectl reconcile$/m);
        assert.ok(stderr.length < 1000);
      });
    }

    it("is not misled by the environment", () => {
      const shellsOwn = { IFS: "/", ENV: "/etc/passwd", CDPATH: "/", POSIXLY_CORRECT: "1", LC_ALL: "de_DE.UTF-8" };
      const hooksOwn = { name: "x", id: "../../x", text: "x", rooted: "no", queue: "/x" };
      const { entries } = host.run({ OUT_PATHS: out("a"), ...shellsOwn, ...hooksOwn });
      assert.deepEqual(host.entry(entries[0]), { paths: [out("a")] });
    });

    it("survives a closed standard error", () => {
      const env = { NIX_BINARY_CACHE_STATE: host.state, NIX_BINARY_CACHE_ROOTS: host.roots };
      const close = `exec ${shell.command.join(" ")} "$0" >&- 2>&- <&-`;
      const result = spawnSync("/bin/sh", ["-c", close, hook], { env: { ...env, OUT_PATHS: `bad ${out("a")}` } });
      assert.deepEqual([result.status, host.list("new").length], [0, 1]);
    });

    describe("with a hook that was there before", () => {
      it("calls it with what Nix gave, after its own work", () => {
        const seen = join(host.folder, "seen");
        const text = `echo "$OUT_PATHS|$PATH" > ${seen}; ls ${host.state}/queue/new | wc -l >> ${seen}`;
        const next = host.program("next.sh", text);
        host.run({ OUT_PATHS: out("a"), PATH: "/usr/bin:/bin", NIX_BINARY_CACHE_NEXT_HOOK: next });
        assert.equal(readFileSync(seen, "utf8").replaceAll(" ", ""), `${out("a")}|/usr/bin:/bin\n1\n`);
      });

      it("fails no build when that one fails", () => {
        const next = host.program("next.sh", "exit 7");
        const { entries, stderr } = host.run({ OUT_PATHS: out("a"), NIX_BINARY_CACHE_NEXT_HOOK: next });
        assert.equal(entries.length, 1);
        assert.match(stderr, /failed; the build goes on/);
      });

      it("calls nothing that can't be run", () => {
        const next = host.program("next.sh", "exit 1");
        chmodSync(next, 0o644);
        for (const NIX_BINARY_CACHE_NEXT_HOOK of [next, host.folder])
          assert.equal(host.run({ OUT_PATHS: out("a"), NIX_BINARY_CACHE_NEXT_HOOK }).stderr, "");
      });

      it("ends where that one leads back here", () => {
        const link = join(host.folder, "loop.sh");
        symlinkSync(hook, link);
        assert.equal(host.run({ OUT_PATHS: out("a"), NIX_BINARY_CACHE_NEXT_HOOK: link }).entries.length, 2);
      });
    });
  });
}
