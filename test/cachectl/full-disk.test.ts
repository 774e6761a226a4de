import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryLock } from "../../nix/cachectl/lib/lock.ts";
import { replaceFile } from "../../nix/cachectl/lib/replace-file.ts";

describe("on a full disk", () => {
  let folder: string;
  before("needs root, for a small disk of its own", function () {
    if (process.getuid?.() !== 0) this.skip();
    folder = mkdtempSync(join(tmpdir(), "lock-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]);
    assert.throws(() => writeFileSync(join(folder, "filling"), Buffer.alloc(128 * 1024)), { code: "ENOSPC" });
    assert.equal(statfsSync(folder).bavail, 0);
  });
  after(() => {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  });

  it("a lock is taken by one, refused to others, and taken again once it is free", () => {
    const file = join(folder, "lock");
    const first = tryLock(file);
    assert.ok(first);
    assert.equal(tryLock(file), undefined);
    first.release();
    const again = tryLock(file);
    assert.ok(again);
    again.release();
  });

  it("a file that is replaced stays what it was when only a part of the new one has room", () => {
    const [file, page] = [join(folder, "replaced"), 4096];
    // Two pages are free: one for the first file, one for half of the second.
    writeFileSync(join(folder, "filling"), Buffer.alloc(64 * 1024 - 2 * page));
    replaceFile(file, "first\n", 0o644);
    assert.equal(statfsSync(folder).bavail, 1);
    assert.throws(() => replaceFile(file, "x".repeat(2 * page), 0o644), { code: "ENOSPC" });
    assert.equal(readFileSync(file, "utf8"), "first\n");
    assert.deepEqual(readdirSync(folder).sort(), ["filling", "lock", "replaced"]);
  });
});
