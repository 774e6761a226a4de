import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { checks } from "../../nix/cachectl/doctor/checks.ts";
import { diagnose } from "../../nix/cachectl/doctor/diagnose.ts";
import type { Finding } from "../../nix/cachectl/doctor/finding.ts";
import { describeDoctor, reportOf } from "../../nix/cachectl/doctor/report.ts";
import { failures } from "./doctor-failures.ts";
import { World, type WorldKind } from "./doctor-world.ts";

const said: string[] = [];

describe("the doctor", () => {
  let world: World;
  afterEach(() => world.close());
  after(() => {
    mkdirSync("test/artifacts", { recursive: true });
    writeFileSync("test/artifacts/doctor-failures.txt", `${said.join("\n")}\n`);
  });

  for (const kind of ["client", "builder", "server"] as const satisfies readonly WorldKind[]) {
    it(`finds nothing wrong with a ${kind} that has nothing wrong, in seconds`, async () => {
      world = await new World(kind).build();
      const started = Date.now();
      const findings = await world.diagnose();
      assert.deepEqual(
        findings.filter(({ level }) => level !== "ok"),
        [],
      );
      assert.ok(findings.length >= 10, JSON.stringify(findings));
      assert.ok(Date.now() - started < 3000);
    });
  }

  for (const failure of failures) {
    it(`names: ${failure.what} (${failure.check} on a ${failure.on})`, async () => {
      world = await new World(failure.on).build();
      failure.provoke(world);
      const findings = await world.diagnose();
      const found = findings.find(({ check }) => check === failure.check);
      said.push(`${failure.what}\n  ${line(found)}`);
      assert.equal(found?.level, failure.level, line(found));
      assert.match(found.found, failure.says);
      assert.ok(found.mend, "a command that mends it");
      const others = findings.filter(({ check, level }) => level === "failure" && check !== failure.check);
      assert.deepEqual(
        others.filter(({ check }) => !failure.also?.includes(check)),
        [],
      );
    });
  }
});

describe("the doctor where nothing answers", () => {
  it("is done in seconds all the same, and says of each what did not answer", async () => {
    const world = await new World("builder").build();
    try {
      for (const name of ["tailscale-status", "ssh", "systemctl"]) world.say(name, { status: "hang" });
      world.tailnet = {};
      const machine = world.machine();
      world.say("nix", { status: "hang" });
      const started = Date.now();
      const findings = await diagnose(
        machine,
        checks.filter(({ roles }) => roles.includes("builder")),
      );
      const seconds = (Date.now() - started) / 1000;
      assert.ok(seconds < 8, `${seconds} s`);
      for (const name of ["tailnet", "uploader"]) {
        const found = findings.find(({ check }) => check === name);
        assert.match(found?.level ?? "", /failure|warning/, JSON.stringify(found));
      }
      for (const name of ["fallback", "hook", "substituters"])
        assert.match(findings.find(({ check }) => check === name)?.found ?? "", /took too long|no answer|comes first/);
    } finally {
      world.close();
    }
  }).timeout(20_000);
});

describe("the doctor where the port is silent", () => {
  let world: World;
  let worker: Worker;
  const fillers: Socket[] = [];
  before(async function () {
    // How many connections wait for a program that takes none differs; on Linux it is the backlog and one.
    if (process.platform !== "linux") this.skip();
    worker = new Worker(new URL("./doctor-silent-port.ts", import.meta.url));
    const [port] = (await once(worker, "message")) as [number];
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let index = 0; index < 4; index++) fillers.push(connect(port, "127.0.0.1").on("error", () => undefined));
    world = await new World("client").build();
    world.nix.substituters = [`http://127.0.0.1:${port}`];
  });
  after(async () => {
    fillers.forEach((socket) => socket.destroy());
    await worker.terminate();
    world.close();
  });

  const expectations = [
    [
      "the policy forbids it",
      () => world.say("tailscale-ping", { out: "pong\n" }),
      /answers the tailnet's ping, not port \d+: the policy forbids it/,
    ],
    [
      "it answers no ping either",
      () => world.say("tailscale-ping", { status: 1 }),
      /does not answer the tailnet's ping either/,
    ],
    [
      "the tailnet does not even show it",
      () => (world.tailnet = { ...world.tailnet, Peer: {} }),
      /is none of the tailnet's machines/,
    ],
  ] as const;

  for (const [what, provoke, says] of expectations) {
    it(`says that ${what}`, async () => {
      provoke();
      const findings = await world.diagnose();
      const policy = findings.find(({ check }) => check === "policy");
      said.push(`silent port, ${what}\n  ${line(policy)}`);
      assert.match(policy?.found ?? "", says);
      assert.match(findings.find(({ check }) => check === "port")?.found ?? "", /gives no answer/);
      assert.match(
        findings.find(({ check }) => check === "path")?.found ?? "",
        /not looked at, since port comes first/,
      );
    });
  }
});

function line(finding: Finding | undefined): string {
  return finding === undefined
    ? "nothing"
    : describeDoctor(reportOf("", [finding], 0))
        .split("\n")
        .slice(0, -2)
        .join("\n");
}
