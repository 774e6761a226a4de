import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { nginxCopies } from "../../nix/cachectl/scrub/nginx-copies.ts";
import type { ScrubRecord } from "../../nix/cachectl/scrub/record.ts";
import { forEachTest, RetainWorld } from "./retain-world.ts";

describe("cachectl scrub, on a real store", function () {
  this.timeout(120_000);
  let world: RetainWorld;
  let built: ReadonlyMap<string, string>;
  forEachTest((made) => {
    world = made;
    built = world.build([
      { name: "library", size: 20_000 },
      { name: "tool-1", size: 20_000, references: ["library"] },
      { name: "other-1", size: 20_000 },
    ]);
    for (const name of ["tool-1", "other-1"]) world.root("uploads/alpha", path(name), 1);
  });

  const path = (name: string): string => built.get(name) ?? "";
  const record = (): ScrubRecord => world.record("scrub.json") as unknown as ScrubRecord;
  const withheld = (): string[] =>
    existsSync(join(world.state, "withheld")) ? readdirSync(join(world.state, "withheld")).sort() : [];
  const hash = (name: string): string => path(name).slice("/nix/store/".length, "/nix/store/".length + 32);

  /** Flips one bit, as a disk does: without a trace in the file's times or size. */
  function flip(name: string): void {
    const file = join(world.physical(path(name)), "data");
    const bytes = readFileSync(file);
    bytes[9999] = (bytes[9999] ?? 0) ^ 1;
    chmodSync(file, 0o644);
    writeFileSync(file, bytes);
    chmodSync(file, 0o444);
    assert.match(world.verify(), /was modified/);
  }

  /** Forgets how paths were built, as a server does that they were uploaded to. */
  function forgetDerivations(): void {
    world.configure({});
    const derivations = [...built.values()].map((item) => world.must("nix-store", "-q", "--deriver", item).trim());
    world.must("nix-store", "--delete", "--ignore-liveness", ...derivations);
  }

  const copyToSubstituter = (...names: string[]): void =>
    void world.must("nix", "copy", "--to", `file://${world.substituter}`, ...names.map(path));

  it("finds nothing where all is well", () => {
    const { status, stdout, stderr } = world.cachectl("scrub");
    assert.deepEqual([status, stderr], [0, ""]);
    const { outcome, checked, total, position, lastWhole, findings } = record();
    assert.deepEqual([outcome, checked, position, findings], ["done", total, "", []]);
    assert.match(stdout, new RegExp(`^${total} of ${total} paths read, .* KiB, 0 were corrupt\n$`));
    assert.ok(total >= 6 && lastWhole !== undefined);
  });

  it("finds a flipped bit, fetches the path anew, and says so", () => {
    copyToSubstituter("library");
    forgetDerivations();
    flip("library");
    const { status, stdout, stderr } = world.cachectl("scrub");
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /^corrupt: \S+-library\n {2}its bytes are not those of sha256:\w{52}: found sha256:\w{52}\n/);
    assert.match(stdout, /repaired: fetched anew\n/);
    assert.deepEqual([world.verify(), withheld()], ["", []]);
    assert.deepEqual(
      record().findings.map((finding) => [finding.path, finding.outcome]),
      [[path("library"), "repaired"]],
    );
  });

  it("does the same through Nix's daemon, as the server's unit does", async () => {
    copyToSubstituter("other-1");
    await world.useDaemon();
    flip("other-1");
    flip("library");
    const { status, stdout } = world.cachectl("scrub");
    assert.equal(status, 0, stdout);
    assert.deepEqual([...stdout.matchAll(/repaired: (\w+) anew/g)].map(([, how]) => how).sort(), ["built", "fetched"]);
    assert.equal(world.verify(), "");
  });

  it("takes out through the daemon, too", async () => {
    forgetDerivations();
    await world.useDaemon();
    flip("library");
    assert.equal(world.cachectl("scrub").status, 1);
    assert.match(world.cachectl("scrub").stdout, /deleted, with 1 that need it/);
    assert.deepEqual([world.has(path("library")), world.has(path("tool-1")), world.verify()], [false, false, ""]);
  });

  it("builds anew what nobody has to fetch", () => {
    flip("library");
    assert.match(world.cachectl("scrub").stdout, /repaired: built anew/);
    assert.equal(world.verify(), "");
  });

  it("withholds at once, with all that needs it, what it can't repair; a later run repairs it", () => {
    forgetDerivations();
    flip("library");
    const first = world.cachectl("scrub");
    assert.equal(first.status, 1);
    assert.match(first.stdout, /not served, with 1 that need it: not fetched: /);
    assert.deepEqual(withheld(), [hash("library"), hash("tool-1")].sort());
    assert.equal(world.has(path("tool-1")), true);
    // Somebody has it again.
    const other = new RetainWorld();
    other.build([{ name: "library", size: 20_000 }]);
    other.must("nix", "copy", "--to", `file://${world.substituter}`, path("library"));
    other.remove();
    const second = world.cachectl("scrub");
    assert.equal(second.status, 0, second.stdout);
    assert.deepEqual([withheld(), world.verify()], [[], ""]);
    assert.deepEqual(
      record().findings.map(({ outcome }) => outcome),
      ["repaired"],
    );
  });

  it("takes out what the second run can't repair either, with all that needs it and nothing else", () => {
    forgetDerivations();
    flip("library");
    assert.equal(world.cachectl("scrub").status, 1);
    const { status, stdout } = world.cachectl("scrub", path("library"));
    assert.equal(status, 1);
    assert.match(stdout, /deleted, with 1 that need it: not fetched: /);
    assert.deepEqual(
      ["library", "tool-1", "other-1"].map((name) => world.has(path(name))),
      [false, false, true],
    );
    assert.deepEqual([withheld(), world.verify()], [[], ""]);
    assert.deepEqual(world.rootsIn("uploads/alpha"), [path("other-1").slice("/nix/store/".length)]);
    const third = world.cachectl("scrub");
    assert.equal(third.status, 0, third.stdout);
  });

  it("keeps withheld, and names, what a pin holds", () => {
    forgetDerivations();
    world.root("pins", path("tool-1"), 0, "release");
    flip("library");
    world.cachectl("scrub");
    assert.match(world.cachectl("scrub").stdout, /not deleted either: /);
    assert.deepEqual(withheld(), [hash("library"), hash("tool-1")].sort());
    assert.deepEqual([world.has(path("library")), record().findings.length], [true, 1]);
  });

  it("finds a file that is gone, and does not stumble over a path that is deleted while it reads", () => {
    copyToSubstituter("other-1");
    rmSync(join(world.physical(path("other-1")), "data"));
    assert.match(world.cachectl("scrub").stdout, /its bytes are not those of [^]*repaired: fetched anew/);
    rmSync(world.physical(path("other-1")), { recursive: true });
    assert.match(world.cachectl("scrub").stdout, /it can't be read: [^]*repaired: fetched anew/);
  });

  it("drops the copies that nginx has of a corrupt path's NAR", () => {
    const cache = join(world.folder, "nginx");
    writeFileSync(join(world.state, "config.json"), JSON.stringify({ scrub: { nginxCache: cache } }));
    const narHash = world.must("nix-store", "-q", "--hash", path("other-1")).trim();
    const copies = nginxCopies(cache, path("other-1"), narHash);
    for (const file of copies) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "a NAR");
    }
    flip("other-1");
    assert.equal(world.cachectl("scrub").status, 0);
    assert.deepEqual(
      copies.map((file) => existsSync(file)),
      [false, false],
    );
    const nginx = readFileSync(join(import.meta.dirname, "../../nix/modules/nginx-config.nix"), "utf8");
    assert.match(nginx, /proxy_cache_key \$nix_binary_cache_encoding\/\$nix_nar\/\$nix_nar_path;/);
    assert.match(nginx, /proxy_cache_path \S+ levels=1:2 /);
  });

  it("stopped or killed, goes on where it was; keeps to its rate", async () => {
    world.add(30, 1_000_000);
    const begun = Date.now();
    const stopped = world.start("scrub", "--rate", "5MiB");
    await pause(3000);
    stopped.kill("SIGTERM");
    assert.deepEqual(await once(stopped, "exit"), [143, null]);
    const { outcome, position, checked, checkedBytes } = record();
    assert.equal(outcome, "stopped");
    assert.ok(position !== "" && checked > 0, JSON.stringify(record()));
    const allowed = (5 * 1024 ** 2 * (Date.now() - begun)) / 1000 + 1_100_000;
    assert.ok(checkedBytes <= allowed, `${checkedBytes} bytes, ${allowed} allowed`);
    const killed = world.start("scrub", "--rate", "5MiB");
    await pause(2000);
    killed.kill("SIGKILL");
    await once(killed, "exit");
    assert.ok(record().checked >= checked && record().position >= position);
    const done = world.cachectl("scrub", "--rate", "1GiB");
    assert.equal(done.status, 0, done.stderr);
    assert.deepEqual([record().outcome, record().checked], ["done", record().total]);
  });

  it("refuses a rate that is none, and a path that is none", () => {
    assert.match(
      world.cachectl("scrub", "--rate", "fast").stderr,
      /--rate is "fast"; expected bytes a second as "50MiB"/,
    );
    assert.match(world.cachectl("scrub", "/etc").stderr, /"\/etc" is no store path/);
  });
});
