import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryLock } from "../../nix/cachectl/lib/lock.ts";

describe("the lock on a full disk", () => {
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

  it("is taken by one, refused to others, and taken again once it is free", () => {
    const file = join(folder, "lock");
    const first = tryLock(file);
    assert.ok(first);
    assert.equal(tryLock(file), undefined);
    first.release();
    const again = tryLock(file);
    assert.ok(again);
    again.release();
  });
});
