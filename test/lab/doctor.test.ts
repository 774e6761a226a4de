/** `cachectl doctor`, `canary` and `status` on real machines: what is broken here, the doctor names, and nothing else. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DoctorReport } from "../../nix/cachectl/doctor/report.ts";
import type { Finding, Level } from "../../nix/cachectl/doctor/finding.ts";
import { engineFolders, operationEnvironment } from "./engine/environment.ts";
import { findEngine } from "./engine/find.ts";
import { configure } from "./job/deploy.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { mainJob, statusOf, untilUploaded } from "./job/main-job.ts";
import { mustSucceed } from "./job/told.ts";
import type { Machine } from "./machines/machine.ts";
import { run } from "./machines/process.ts";
import { readPolicy, USERS_POLICY, writePolicy } from "./world/stand-ins.ts";
import { testWorld, type TestWorld } from "./world/test-world.ts";
import { operatorEnvironment, pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const STATE = "/var/lib/nix-binary-cache";
const NIX_CONF = "/etc/nix/nix-binary-cache.conf";
const otherKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${"B".repeat(43)}`;

/** What is broken, how it is mended again, and what the doctor on that machine must say. */
interface Breakage {
  readonly what: string;
  readonly on: "macbook" | "server";
  readonly breaks: (world: TestWorld) => Promise<unknown>;
  readonly mends: (world: TestWorld) => Promise<unknown>;
  readonly check: string;
  readonly level?: Level;
  readonly says: RegExp;
  /** Checks that fail by the same cause. */
  readonly also?: readonly string[];
}

/** A service manager that restarts what ends may be in the middle of it. */
const untilStopped =
  'for try in 1 2 3 4 5 6 7 8; do systemctl stop nginx; sleep 0.3; ss -ltn | grep -q ":5000 " || exit 0; done; exit 1';

let policy = "";

/** Edits a file of the machine, keeping what it was beside it. */
async function edit(machine: Machine, file: string, change: (text: string) => string): Promise<void> {
  await machine.must(["cp", "-a", file, `${file}.kept`]);
  await machine.writeFile(file, change(await machine.readFile(file)), 0o644);
}

const restore = (machine: Machine, file: string): Promise<unknown> => machine.must(["mv", "-f", `${file}.kept`, file]);

/** The daemon, too, is then found to be older than its settings: rightly. */
const macSettings = (what: string, from: RegExp, to: string, check: string, says: RegExp): Breakage => ({
  what,
  on: "macbook",
  breaks: ({ machines: { macbook } }) => edit(macbook, NIX_CONF, (text) => text.replace(from, to)),
  mends: ({ machines: { macbook } }) => restore(macbook, NIX_CONF),
  check,
  says,
  also: ["daemon"],
});

const breakages: readonly Breakage[] = [
  {
    what: "a policy that has nothing of ours",
    on: "macbook",
    breaks: async (world) => {
      policy = await readPolicy(world);
      await writePolicy(world, readFileSync(USERS_POLICY, "utf8"));
    },
    mends: (world) => writePolicy(world, policy),
    check: "policy",
    says: /answers the tailnet's ping, not port 5000: the policy forbids it/,
    also: ["port", "ssh"],
  },
  {
    what: "nginx is stopped",
    on: "macbook",
    breaks: ({ machines: { server } }) => server.must(["sh", "-c", untilStopped]),
    mends: ({ machines: { server } }) => server.must(["systemctl", "start", "nginx"]),
    check: "port",
    says: /refuses: the server is there, nothing listens/,
  },
  macSettings(
    "a key that this machine does not trust",
    /^extra-trusted-public-keys = .*$/m,
    "extra-trusted-public-keys =",
    "signing-key",
    /signed by server-cache-1\b.*; trusted here: cache\.nixos\.org-1$/,
  ),
  macSettings("the cache is no substituter", /^extra-substituters = .*$/m, "", "substituters", /Nix does not ask http/),
  macSettings("fallback is off", /^fallback = true$/m, "fallback = false", "fallback", /fallback is off/),
  macSettings("no hook", /^post-build-hook = .*$/m, "", "hook", /runs no post-build hook/),
  {
    what: "settings changed since the daemon was started",
    on: "macbook",
    breaks: async ({ machines: { macbook } }) => {
      await sleep(2500);
      await edit(macbook, NIX_CONF, (text) => `${text}\n`);
    },
    mends: async ({ machines: { macbook } }) => {
      await restore(macbook, NIX_CONF);
    },
    check: "daemon",
    says: /nix-binary-cache\.conf was changed \d+ s ago, after the daemon was started/,
  },
  {
    what: "nothing watches the queue",
    on: "macbook",
    breaks: ({ machines: { macbook } }) => macbook.must(["launchctl", "bootout", "system/org.nix-binary-cache.upload"]),
    mends: ({ machines: { macbook } }) =>
      macbook.must(["launchctl", "bootstrap", "system", "/Library/LaunchDaemons/org.nix-binary-cache.upload.plist"]),
    check: "uploader",
    says: /nothing watches the queue \(not loaded\)/,
  },
  {
    what: "another host key is pinned",
    on: "macbook",
    breaks: ({ machines: { macbook } }) =>
      edit(macbook, `${STATE}/config.json`, (text) => text.replace(/ssh-ed25519 [A-Za-z0-9+/]+/, otherKey)),
    mends: ({ machines: { macbook } }) => restore(macbook, `${STATE}/config.json`),
    check: "ssh",
    says: /shows another host key than the one in config\.json/,
  },
  {
    what: "the builder is not registered",
    on: "macbook",
    breaks: async ({ machines: { server } }) => {
      await server.must(["cp", "-a", `${STATE}/builders/macbook.json`, "/root/macbook.json"]);
      await server.must(["cachectl", "builders", "remove", "macbook"]);
    },
    mends: async ({ machines: { server } }) => {
      await server.must(["cachectl", "builders", "add"], { stdin: await server.readFile("/root/macbook.json") });
    },
    check: "ssh",
    says: /does not know this builder's ssh key|knows no builder of this key/,
  },
  {
    what: "keys that others can read",
    on: "macbook",
    breaks: ({ machines: { macbook } }) => macbook.must(["chmod", "644", `${STATE}/keys/ssh`]),
    mends: ({ machines: { macbook } }) => macbook.must(["chmod", "400", `${STATE}/keys/ssh`]),
    check: "identity",
    says: /keys\/ssh can be read by others/,
  },
  {
    what: "the server's disk is short of what is kept free",
    on: "macbook",
    breaks: ({ machines: { server } }) => limitServer(server, { minFreeBytes: "900TiB" }),
    mends: ({ machines: { server } }) =>
      server.must(["ln", "-sfn", "/etc/nix-binary-cache/config.json", `${STATE}/config.json`]),
    check: "server-disk",
    says: /900\.0 TiB stay so: no upload is taken/,
  },
  {
    what: "a signing key that others can read",
    on: "server",
    breaks: ({ machines: { server } }) =>
      server.must(["chmod", "644", "/var/lib/secrets/nix-binary-cache/server-cache-1.secret"]),
    mends: ({ machines: { server } }) =>
      server.must(["chmod", "400", "/var/lib/secrets/nix-binary-cache/server-cache-1.secret"]),
    check: "server-keys",
    says: /server-cache-1\.secret can be read by others/,
  },
  {
    what: "an account for uploads with a shell of the usual kind",
    on: "server",
    breaks: async ({ machines: { server } }) => {
      await edit(server, "/etc/passwd", (text) => text.replace(/^(nix-push:.*:)[^:]+$/m, "$1/bin/sh"));
    },
    mends: ({ machines: { server } }) => restore(server, "/etc/passwd"),
    check: "receiver",
    says: /builders can do more than upload/,
  },
];

async function limitServer(server: Machine, limits: object): Promise<void> {
  const config = JSON.parse(await server.readFile("/etc/nix-binary-cache/config.json")) as object;
  await server.must(["rm", "-f", `${STATE}/config.json`]);
  await server.writeFile(`${STATE}/config.json`, JSON.stringify({ ...config, limits }), 0o644);
}

describe("the doctor, on the lab's machines", function () {
  this.timeout(2 * MINUTE);
  let world: TestWorld;
  let url = "";
  const said: string[] = [];

  before("raise a lab of its own, with a cache in use", async function () {
    this.timeout(45 * MINUTE);
    world = await testWorld();
    const up = mustSucceed(await pulumi(world, "up"));
    await adoptVars(world, up);
    url = varsOf(up).cache.url;
    assert.ok((await mainJob(world, url)).substituted);
    const { server, macbook } = world.machines;
    await untilUploaded(macbook);
    for (const argv of [["retain"], ["scrub"], ["status", "--html", `${STATE}/status/index.html`]])
      await server.must(["cachectl", ...argv]);
  });
  after("leave nothing behind", async () => {
    mkdirSync("test/lab/artifacts", { recursive: true });
    writeFileSync("test/lab/artifacts/doctor.txt", `${said.join("\n")}\n`);
    await world.release();
  });

  async function doctor(on: Breakage["on"]): Promise<DoctorReport> {
    const { stdout, stderr } = await world.machines[on].run(["cachectl", "doctor", "--json"]);
    assert.notEqual(stdout, "", stderr);
    return JSON.parse(stdout) as DoctorReport;
  }

  it("a canary from the Mac is served within seconds, and one on the server", async () => {
    for (const on of ["macbook", "server"] as const) {
      const { code, stdout } = await world.machines[on].run(["cachectl", "canary", "--json"]);
      assert.equal(code, 0, stdout);
      said.push(`canary on ${on}: ${stdout.trim()}`);
    }
  });

  for (const on of ["macbook", "server"] as const) {
    it(`finds nothing that has failed on the ${on}, in seconds`, async () => {
      const { findings, seconds, level } = await doctor(on);
      said.push(`nothing is broken on ${on}: ${level}, ${seconds} s`);
      assert.deepEqual(bad(findings, "failure"), []);
      assert.ok(seconds < 10, `${seconds} s`);
    });
  }

  it("the page is at the cache's address, and names a path that other machines look at", async () => {
    const { server, macbook } = world.machines;
    assert.equal(await statusOf(macbook, `${url}/`), 200);
    assert.match((await macbook.must(["curl", "--silent", `${url}/`])).stdout, /data-known-path="\/nix\/store\/[^"]+"/);
    assert.match(
      await server.readFile(`${STATE}/status/metrics.prom`),
      /^nix_binary_cache_narinfo_requests_total\{found="yes"\} [1-9]/m,
    );
  });

  for (const { what, on, breaks, mends, check, level = "failure", says, also = [] } of breakages) {
    it(`names, on the ${on}: ${what} (${check})`, async () => {
      await breaks(world);
      let report;
      try {
        report = await doctor(on);
      } finally {
        await mends(world);
      }
      const found = report.findings.find((finding) => finding.check === check);
      said.push(`${what}: ${JSON.stringify(found)} (${report.seconds} s)`);
      assert.equal(found?.level, level, JSON.stringify(found));
      assert.match(found.found, says);
      assert.deepEqual(
        bad(report.findings, "failure").filter((name) => name !== check && !also.includes(name)),
        [],
      );
    });
  }

  describe("npm run doctor, on the lab's stack", () => {
    async function stackDoctor(...names: readonly string[]): Promise<readonly Finding[]> {
      const { instance, secrets } = world;
      const folders = engineFolders(instance.dir);
      const { path } = await findEngine(() => undefined);
      const env = operationEnvironment(folders, path, secrets.passphrase, operatorEnvironment(world));
      const argv = [process.execPath, join(process.cwd(), "scripts/doctor.ts"), "--stack", "lab", "--json", ...names];
      const { stdout, stderr } = await run(argv, { env, cwd: folders.work, timeoutSeconds: 110 });
      assert.notEqual(stdout, "", stderr);
      return (JSON.parse(stdout) as DoctorReport).findings;
    }

    it("finds nothing that has failed, and that what the server runs is what its flake says", async () => {
      const findings = await stackDoctor();
      said.push(`nothing is broken of the stack: ${JSON.stringify(findings)}`);
      assert.deepEqual(bad(findings, "failure"), []);
      const well = findings.filter(({ level }) => level === "ok").map(({ check }) => check);
      for (const name of ["update", "policy", "devices", "ci-secrets", "workflow", "cache", "deployed"])
        assert.ok(well.includes(name), `${name}: ${JSON.stringify(findings.find(({ check }) => check === name))}`);
    });

    it("names what somebody took out of the tailnet's policy", async () => {
      const before = await readPolicy(world);
      await writePolicy(world, readFileSync(USERS_POLICY, "utf8"));
      try {
        const found = (await stackDoctor("policy")).find(({ check }) => check === "policy");
        assert.match(JSON.stringify(found), /"warning".*lines of this stack's entries are not as they should be/);
      } finally {
        await writePolicy(world, before);
      }
    });

    it("names a server that runs what the stack did not deploy", async () => {
      const { server } = world.machines;
      await configure(server, 'environment.etc."moved-on".text = "yes";');
      try {
        const found = (await stackDoctor("deployed")).find(({ check }) => check === "deployed");
        assert.match(JSON.stringify(found), /"warning".*the flake has moved on/);
      } finally {
        await configure(server, "");
      }
    });
  });

  it("finds nothing that has failed once all is mended", async () => {
    assert.deepEqual(bad((await doctor("macbook")).findings, "failure"), []);
    assert.deepEqual(bad((await doctor("server")).findings, "failure"), []);
  });
});

function bad(findings: readonly Finding[], level: Level): string[] {
  return findings
    .filter((finding) => finding.level === level)
    .map(({ check, found }) => (level === "failure" ? check : found));
}
