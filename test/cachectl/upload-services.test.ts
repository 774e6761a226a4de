import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { parsePlist, type PlistValue } from "../lab/machines/supervisor/plist.ts";

const folder = join(import.meta.dirname, "../../nix/services");
const state = "/var/lib/nix-binary-cache";
const library = "/usr/local/lib/nix-binary-cache";

type Check = (value: PlistValue) => boolean;
const text: Check = (value) => typeof value === "string" && value !== "";
const whole: Check = (value) => Number.isInteger(value) && Number(value) > 0;
const flag: Check = (value) => typeof value === "boolean";
const texts: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(text);
const dictionary: Check = (value) =>
  typeof value === "object" && !Array.isArray(value) && Object.values(value).every(text);

/** launchd.plist(5) of macOS 15: the keys that a daemon of ours could have, and what each takes. */
const documented: Readonly<Record<string, Check>> = {
  Label: text,
  Program: text,
  ProgramArguments: texts,
  EnvironmentVariables: dictionary,
  WorkingDirectory: text,
  UserName: text,
  GroupName: text,
  Umask: whole,
  RunAtLoad: flag,
  KeepAlive: (value) => flag(value) || (typeof value === "object" && Object.keys(value).join() === "SuccessfulExit"),
  StartInterval: whole,
  ThrottleInterval: whole,
  ExitTimeOut: whole,
  WatchPaths: texts,
  QueueDirectories: texts,
  StartOnMount: flag,
  StandardInPath: text,
  StandardOutPath: text,
  StandardErrorPath: text,
  AbandonProcessGroup: flag,
  Nice: (value) => Number.isInteger(value) && Number(value) >= -20 && Number(value) <= 20,
  ProcessType: (value) => ["Background", "Standard", "Adaptive", "Interactive"].some((type) => type === value),
  LowPriorityIO: flag,
  LowPriorityBackgroundIO: flag,
};

const readPlist = (file: string) => parsePlist(readFileSync(join(folder, file), "utf8"));

for (const file of readdirSync(folder).filter((name) => name.endsWith(".plist"))) {
  describe(`launchd's ${file}`, () => {
    const plist = readPlist(file);

    it("has documented keys only, each with what it takes", () => {
      for (const [key, value] of Object.entries(plist))
        assert.ok(documented[key]?.(value), `${key}: ${JSON.stringify(value)}`);
    });

    it("has the label that its file is named for", () => {
      assert.equal(plist.Label, basename(file, ".plist"));
    });

    it("names absolute paths only, of what the installer puts there", () => {
      const words = (plist.ProgramArguments as string[]).flatMap((argument) => argument.split(" "));
      const program = words.find((word) => word.startsWith(`${library}/`)) ?? "";
      assert.ok(existsSync(join(folder, "..", program.slice(library.length))), words.join(" "));
      for (const word of words.slice(0, words.indexOf(program))) assert.match(word, /^(?:\/|-c$|&&$|exec$)/);
      const { PATH = "" } = plist.EnvironmentVariables as Record<string, string>;
      for (const place of PATH.split(":")) assert.match(place, /^\//);
    });
  });
}

describe("the Mac's uploader", () => {
  const plist = readPlist("org.nix-binary-cache.upload.plist");

  it("watches what the hook fills and the uploader empties first, and comes back to what waits", () => {
    assert.deepEqual(plist.QueueDirectories, [`${state}/queue/new`]);
    assert.ok(Number(plist.StartInterval) <= 300);
    assert.ok(Number(plist.ThrottleInterval) <= 2, "the next build would wait");
    assert.ok(!("KeepAlive" in plist), "an uploader that has ended stays ended");
  });
});

describe("what tells a Mac's keys to the server", () => {
  const plist = readPlist("org.nix-binary-cache.tell.plist");

  it("waits for the store, which may come after launchd, and tries again in the same day where nobody answered", () => {
    assert.match((plist.ProgramArguments as string[])[2] ?? "", /^\/bin\/wait4path \/nix\/store && exec \//);
    assert.deepEqual(plist.KeepAlive, { SuccessfulExit: false });
    assert.ok(Number(plist.ThrottleInterval) >= 600, "a server that is off would be asked all the time");
    assert.ok(Number(plist.ThrottleInterval) < Number(plist.StartInterval));
  });
});

describe("what launchd starts", () => {
  let scratch = "";
  beforeEach(() => (scratch = mkdtempSync(join(tmpdir(), "services-"))));
  afterEach(() => rmSync(scratch, { recursive: true }));

  /** Runs it beside a double of cachectl; whether that was called to upload. */
  function starts(): boolean {
    for (const name of ["services", "cachectl"]) mkdirSync(join(scratch, "lib", name), { recursive: true });
    copyFileSync(join(folder, "upload-if-queued.sh"), join(scratch, "lib/services/upload-if-queued.sh"));
    writeFileSync(join(scratch, "lib/cachectl/cachectl"), '#!/bin/sh\necho "double $*"\n', { mode: 0o755 });
    const env = { NIX_BINARY_CACHE_STATE: join(scratch, "state"), NIX_BINARY_CACHE_ROOTS: join(scratch, "roots") };
    const { stdout, status } = spawnSync("/bin/sh", [join(scratch, "lib/services/upload-if-queued.sh")], {
      ...{ env: { PATH: "/usr/bin:/bin", ...env }, encoding: "utf8" },
    });
    assert.equal(status, 0);
    return stdout === "double upload\n";
  }

  it("starts no Node where nothing was ever queued, nor where nothing is", () => {
    assert.equal(starts(), false);
    for (const name of ["new", "waiting"]) mkdirSync(join(scratch, "state/queue", name), { recursive: true });
    mkdirSync(join(scratch, "roots/queue"), { recursive: true });
    assert.equal(starts(), false);
  });

  for (const [what, place] of [
    ["something new", "state/queue/new"],
    ["something that waits", "state/queue/waiting"],
    ["a root without an entry, its path gone or not,", "roots/queue"],
  ] as const) {
    it(`starts the uploader for ${what}`, () => {
      mkdirSync(join(scratch, place), { recursive: true });
      symlinkSync("/nonexistent", join(scratch, place, "x"));
      assert.equal(starts(), true);
    });
  }
});

describe("the builder's systemd units", () => {
  const units = readdirSync(folder).filter((name) => /\.(?:service|path|timer)$/.test(name));
  let scratch = "";
  before(() => {
    scratch = mkdtempSync(join(tmpdir(), "units-"));
    for (const name of units) {
      // systemd looks whether the program is there; it is not installed here.
      const unit = readFileSync(join(folder, name), "utf8").replace(/^ExecStart=\S+/m, "ExecStart=/bin/true");
      writeFileSync(join(scratch, name), unit);
    }
  });
  after(() => rmSync(scratch, { recursive: true }));

  it("are three of one name: a service, what watches the queue, what comes back to what waits", () => {
    assert.deepEqual(
      units.sort(),
      ["path", "service", "timer"].map((kind) => `nix-binary-cache-upload.${kind}`),
    );
  });

  if (spawnSync("systemd-analyze", ["--version"]).status === 0) {
    it("have nothing that systemd does not know, or can't parse", () => {
      for (const name of units) {
        const { stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", join(scratch, name)], {
          ...{ encoding: "utf8", timeout: 30_000, env: { ...process.env, SYSTEMD_UNIT_PATH: `${scratch}:` } },
        });
        const own = stderr.split("\n").filter((line) => line.includes("nix-binary-cache-upload"));
        assert.deepEqual(own, [], name);
      }
    }).timeout(60_000);
  }

  it("name the program and the queue where the installer puts them", () => {
    const all = Object.fromEntries(units.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
    assert.match(
      all["nix-binary-cache-upload.service"] ?? "",
      new RegExp(`^ExecStart=${library}/cachectl/cachectl upload$`, "m"),
    );
    assert.match(all["nix-binary-cache-upload.path"] ?? "", new RegExp(`^DirectoryNotEmpty=${state}/queue/new$`, "m"));
  });
});
