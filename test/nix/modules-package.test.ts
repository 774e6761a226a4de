import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, beforeEach, describe, it } from "mocha";

const nix = fileURLToPath(new URL("../../nix", import.meta.url));
const scripts = join(nix, "modules/package");

describe("The package of cachectl, the hook and their units", () => {
  let scratch: string;
  let out: string;

  // As the derivation calls it, but without Nix: what it needs is all in its environment.
  before(() => {
    scratch = mkdtempSync(join(tmpdir(), "nix-binary-cache-package-"));
    out = join(scratch, "out");
    const env = {
      out,
      PATH: process.env.PATH,
      node: process.execPath,
      cachectl: join(nix, "cachectl"),
      hook: join(nix, "hook"),
      services: join(nix, "services"),
      wrapper: join(scripts, "cachectl.sh"),
      receiver: join(scripts, "cachectl-receive.sh"),
      prepareBuilder: join(scripts, "prepare-builder.sh"),
      includeSettings: join(scripts, "include-settings.sh"),
    };
    execFileSync("sh", [join(scripts, "install.sh")], { env, timeout: 30_000 });
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it("is given all that its installation reads", () => {
    const derivation = readFileSync(join(scripts, "default.nix"), "utf8");
    const read = readFileSync(join(scripts, "install.sh"), "utf8").matchAll(/"?\$([a-zA-Z]+)/g);
    const local = new Set(["library", "out", "unit", "daemon"]);
    for (const [, name = ""] of read) {
      if (!local.has(name)) assert.match(derivation, new RegExp(`^  ${name} = `, "m"), name);
    }
  });

  it("runs cachectl with its own Node, whatever PATH holds", () => {
    const env = { PATH: "/bin:/usr/bin", NIX_BINARY_CACHE_NODE: "/nonexistent" };
    const { stdout, status } = spawnSync(join(out, "bin/cachectl"), ["help"], {
      env,
      encoding: "utf8",
      timeout: 10_000,
    });
    assert.equal(status, 0);
    assert.match(stdout, /usage: cachectl VERB/);
    assert.match(readFileSync(join(out, "bin/cachectl"), "utf8"), new RegExp(`^exec "${process.execPath}"`, "m"));
  });

  it("has a login shell that receives, whatever it is asked", () => {
    const env = { PATH: "/bin:/usr/bin" };
    const shell = join(out, "bin/cachectl-receive");
    const { status, stdout, stderr } = spawnSync(shell, ["-c", "id"], { env, encoding: "utf8", timeout: 10_000 });
    assert.notEqual(status, 0);
    assert.doesNotMatch(stdout, /uid=/);
    // Where there is no server, there is no audit log to begin with.
    assert.match(stderr, /"id" is refused|neither an ssh key|audit\.log/);
  });

  it("takes of the caller's environment only what sshd says of the session", () => {
    const folder = join(scratch, "login");
    mkdirSync(join(folder, "bin"), { recursive: true });
    writeFileSync(join(folder, "bin/cachectl"), '#!/bin/sh\nenv\necho "args=$*"\n', { mode: 0o755 });
    const text = readFileSync(join(out, "bin/cachectl-receive"), "utf8").replaceAll(out, folder);
    writeFileSync(join(folder, "receive"), text, { mode: 0o755 });
    const session = { SSH_CLIENT: "100.64.0.2 5 22", SSH_ORIGINAL_COMMAND: "a  b$(c)" };
    const env = {
      ...session,
      PATH: "/tmp/mine:/bin:/usr/bin",
      NODE_OPTIONS: "--require=/tmp/x.js",
      NIX_BINARY_CACHE_STATE: "/tmp",
      HOME: "/tmp",
    };
    const { stdout } = spawnSync(join(folder, "receive"), ["-c", "x y"], { env, encoding: "utf8", timeout: 10_000 });
    const seen = stdout.split("\n").filter((line) => line !== "" && !/^(?:PWD|SHLVL|_|OLDPWD)=/.test(line));
    const path = "PATH=/run/current-system/sw/bin:/nix/var/nix/profiles/default/bin:/usr/local/bin:/usr/bin:/bin";
    const expected = [
      path,
      ...Object.entries(session).map(([name, value]) => `${name}=${value}`),
      "args=receive -c x y",
    ];
    assert.deepEqual(seen.sort(), expected.sort());
  });

  it("has the units and the plist of every other builder, with its own path in them", () => {
    const library = join(out, "lib/nix-binary-cache");
    const pairs = [
      ["nix-binary-cache-upload.service", "lib/systemd/system"],
      ["nix-binary-cache-upload.path", "lib/systemd/system"],
      ["nix-binary-cache-upload.timer", "lib/systemd/system"],
      ["org.nix-binary-cache.upload.plist", "Library/LaunchDaemons"],
      ["org.nix-binary-cache.tell.plist", "Library/LaunchDaemons"],
    ] as const;
    for (const [name, folder] of pairs) {
      const source = readFileSync(join(nix, "services", name), "utf8");
      const packaged = readFileSync(join(out, folder, name), "utf8");
      assert.equal(packaged, source.replaceAll("/usr/local/lib/nix-binary-cache", library));
      for (const [file] of packaged.matchAll(new RegExp(`${library}/[^\\s<]+`, "g"))) assert.ok(existsSync(file), file);
    }
    for (const program of ["hook/upload-hook.sh", "cachectl/cachectl", "services/upload-if-queued.sh"]) {
      assert.equal(statSync(join(library, program)).mode & 0o111, 0o111, program);
    }
  });

  it("prepares a Mac's queue, settings and keys before launchd watches, as often as it is called", function () {
    if (spawnSync("ssh-keygen", ["-?"]).error) {
      console.warn("      skipped: ssh-keygen: not found");
      this.skip();
    }
    const state = join(scratch, "mac");
    const roots = join(scratch, "mac-roots");
    const env = { PATH: "/bin:/usr/bin", NIX_BINARY_CACHE_STATE: state, NIX_BINARY_CACHE_ROOTS: roots };
    const program = join(out, "lib/nix-binary-cache/darwin/prepare-builder.sh");
    const prepare = () => {
      const { status, stderr } = spawnSync("/bin/sh", [program, "macbook"], { env, encoding: "utf8", timeout: 20_000 });
      assert.deepEqual([status, stderr], [0, ""]);
      return ["signing.pub", "ssh.pub"].map((name) => readFileSync(join(state, "keys", name), "utf8"));
    };
    const made = prepare();
    assert.match(made[0] ?? "", /^macbook-1:/);
    for (const folder of ["new", "tmp", "waiting", "rejected"]) assert.ok(existsSync(join(state, "queue", folder)));
    assert.ok(existsSync(join(roots, "queue")));
    assert.equal(readlinkSync(join(state, "config.json")), "/etc/nix-binary-cache/config.json");
    assert.deepEqual(prepare(), made);
  });

  it("does not stop a Mac's activation when the builder can't be prepared, and says so", () => {
    const env = { PATH: "/bin:/usr/bin", NIX_BINARY_CACHE_STATE: "/dev/null/state", NIX_BINARY_CACHE_ROOTS: scratch };
    const program = join(out, "lib/nix-binary-cache/darwin/prepare-builder.sh");
    const { status, stderr } = spawnSync("/bin/sh", [program, "macbook"], { env, encoding: "utf8", timeout: 20_000 });
    assert.equal(status, 0);
    assert.match(stderr, /builds are not uploaded yet, see above; mend it, then activate again/);
  });

  describe("on a Mac with Determinate Nix", () => {
    const line = "!include nix-binary-cache.conf";
    let etc: string;
    let run: (...args: string[]) => { readonly stderr: string; readonly started: string };

    beforeEach(() => {
      etc = mkdtempSync(join(scratch, "etc-"));
      const bin = join(etc, "bin");
      mkdirSync(bin);
      // A double of launchctl that remembers how it was called.
      cpSync(fileURLToPath(new URL("module-launchctl.sh", import.meta.url)), join(bin, "launchctl"));
      writeFileSync(join(etc, "nix-binary-cache.conf"), "fallback = true\n");
      const env = { PATH: `${bin}:/bin:/usr/bin`, NIX_CONF_DIR: etc, NIX_BINARY_CACHE_STATE: join(etc, "state") };
      run = (...args) => {
        const log = join(etc, "launchctl.log");
        writeFileSync(log, "");
        const program = join(out, "lib/nix-binary-cache/darwin/include-settings.sh");
        const { stderr, status } = spawnSync("/bin/sh", [program, ...args], {
          env: { ...env, LAUNCHCTL_LOG: log },
          encoding: "utf8",
          timeout: 10_000,
        });
        assert.equal(status, 0, stderr);
        return { stderr, started: readFileSync(log, "utf8") };
      };
    });

    it("adds its line to nix.custom.conf once, whatever stands there, and starts the daemon anew", () => {
      const custom = join(etc, "nix.custom.conf");
      writeFileSync(custom, "eval-cores = 0");
      assert.match(run().started, /^kickstart -k system\/systems\.determinate\.nix-daemon$/m);
      assert.equal(readFileSync(custom, "utf8"), `eval-cores = 0\n${line}\n`);
      assert.equal(run().started, "");
      assert.equal(readFileSync(custom, "utf8"), `eval-cores = 0\n${line}\n`);
    });

    it("makes nix.custom.conf where there is none, and starts the daemon anew when its settings change", () => {
      run();
      assert.equal(readFileSync(join(etc, "nix.custom.conf"), "utf8"), `${line}\n`);
      writeFileSync(join(etc, "nix-binary-cache.conf"), "fallback = false\n");
      assert.match(run().started, /kickstart/);
    });

    it("leaves a nix.custom.conf alone that another program generates, and says which line it needs", () => {
      symlinkSync("/nonexistent/generated", join(etc, "nix.custom.conf"));
      const { stderr, started } = run();
      assert.match(stderr, /nix\.custom\.conf can't be written; put this line into it: !include/);
      assert.equal(started, "");
    });

    it("starts the daemon anew when Determinate's module wrote other settings, and writes nothing itself", () => {
      const custom = join(etc, "nix.custom.conf");
      writeFileSync(join(etc, "generated"), "fallback = true\n");
      symlinkSync(join(etc, "generated"), custom);
      assert.match(run("generated").started, /kickstart/);
      assert.equal(run("generated").started, "");
      writeFileSync(join(etc, "generated"), "fallback = false\n");
      const { started, stderr } = run("generated");
      assert.match(started, /kickstart/);
      assert.equal(stderr, "");
      assert.equal(readFileSync(custom, "utf8"), "fallback = false\n");
    });

    it("does not stop the activation where it can't remember what the daemon was started for", () => {
      writeFileSync(join(etc, "state"), "not a folder");
      const { started, stderr } = run();
      assert.match(started, /kickstart/);
      assert.match(stderr, /started anew at the next activation, too/);
    });
  });
});
