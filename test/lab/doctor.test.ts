/** `cachectl doctor`, `canary` and `status` on real machines: what is broken here, the doctor names, and nothing else. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { DoctorReport } from "../../nix/cachectl/doctor/report.ts";
import type { Finding, Level } from "../../nix/cachectl/doctor/finding.ts";
import { breakages } from "./doctor/breakages.ts";
import { STATE, type Saying } from "./doctor/breakage.ts";
import { stackBreakages } from "./doctor/stack.ts";
import { stackDoctor } from "./doctor/stack-breakage.ts";
import { pageOf, type Said, sameEverywhere } from "./doctor/table.ts";
import { MACHINE_CHECKS, STACK_CHECKS, wordsOfChecks } from "./doctor/words.ts";
import type { MachineName } from "./instance.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { mainJob, statusOf, untilUploaded } from "./job/main-job.ts";
import { mustSucceed } from "./job/told.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";

const MINUTE = 60_000;
const PAGE = "docs/what-doctor-says.md";

describe("the doctor, on the lab's machines", function () {
  this.timeout(2 * MINUTE);
  let world: TestWorld;
  let url = "";
  const said: string[] = [];
  const named: Said[] = [];
  const namedOfStack: Omit<Said, "on">[] = [];

  before("raise a lab of its own, with a cache in use", async function () {
    this.timeout(5 * MINUTE);
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
    await release(world);
  });

  async function doctor(on: MachineName, { env = {} }: Partial<Saying> = {}): Promise<DoctorReport> {
    const started = Date.now();
    const { stdout, stderr } = await world.machines[on].run(["cachectl", "doctor", "--json"], { env });
    assert.notEqual(stdout, "", stderr);
    const report = JSON.parse(stdout) as DoctorReport;
    // What it waits for no longer must not keep it from its end.
    const seconds = (Date.now() - started) / 1000;
    assert.ok(seconds < report.seconds + 3, `said after ${report.seconds} s, ended after ${seconds} s`);
    return report;
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

  for (const breakage of breakages) {
    const { what, on, check, level = "failure", says, also = [] } = breakage;
    it(`names, on the ${on}: ${what} (${check})`, async () => {
      let report;
      try {
        await breakage.breaks(world);
        report = await doctor(on, breakage);
      } finally {
        await breakage.mends(world);
      }
      const found = report.findings.find((finding) => finding.check === check);
      said.push(`${what}: ${JSON.stringify(found)} (${report.seconds} s)`);
      assert.equal(found?.level, level, JSON.stringify(found));
      assert.match(found.found, says);
      named.push({ what, on, finding: found });
      assert.deepEqual(
        bad(report.findings, "failure").filter((name) => name !== check && !also.includes(name)),
        [],
      );
      assert.ok(report.seconds < 10, `${report.seconds} s`);
    });
  }

  it("was brought to say everything that its checks can say", () => {
    assert.deepEqual(neverSaid(MACHINE_CHECKS, named), []);
  });

  describe("npm run doctor, on the lab's stack", () => {
    it("finds nothing that has failed, and that what the server runs is what its flake says", async () => {
      const findings = await stackDoctor(world);
      said.push(`nothing is broken of the stack: ${JSON.stringify(findings)}`);
      assert.deepEqual(bad(findings, "failure"), []);
      const well = findings.filter(({ level }) => level === "ok").map(({ check }) => check);
      for (const name of ["update", "policy", "devices", "ci-secrets", "workflow", "cache", "deployed"])
        assert.ok(well.includes(name), `${name}: ${JSON.stringify(findings.find(({ check }) => check === name))}`);
    });

    it("finds the same of a stack that is called by its organisation too", async () => {
      const stack = "organization/nix-binary-cache/lab";
      const levels = (findings: readonly Finding[]): object[] => findings.map(({ check, level }) => ({ check, level }));
      assert.deepEqual(levels(await stackDoctor(world, [], { stack })), levels(await stackDoctor(world)));
    });

    for (const breakage of stackBreakages) {
      const { what, check, level = "failure", says, also = [] } = breakage;
      it(`names: ${what} (${check})`, async () => {
        let findings: readonly Finding[] = [];
        try {
          await breakage.breaks(world);
          findings = await stackDoctor(world, [check], breakage);
        } finally {
          await breakage.mends(world);
        }
        const found = findings.find((finding) => finding.check === check);
        said.push(`of the stack, ${what}: ${JSON.stringify(found)}`);
        assert.equal(found?.level, level, JSON.stringify(findings));
        assert.match(found.found, says);
        namedOfStack.push({ what, finding: found });
        assert.deepEqual(
          bad(findings, "failure").filter((name) => name !== check && !also.includes(name)),
          [],
        );
      });
    }

    it("was brought to say everything that its checks can say", () => {
      assert.deepEqual(neverSaid(STACK_CHECKS, namedOfStack), []);
    });
  });

  // In a suite of their own: mocha runs a suite's tests before the suites in it.
  describe("after all of that", () => {
    it(`says what stands in ${PAGE} (which WRITE_DOCS=1 has this test write)`, () => {
      const page = pageOf(named, namedOfStack);
      if (process.env.WRITE_DOCS === "1") writeFileSync(PAGE, page);
      assert.deepEqual(sameEverywhere(readFileSync(PAGE, "utf8")), sameEverywhere(page));
    });

    it("finds nothing that has failed once all is mended", async () => {
      assert.deepEqual(bad((await doctor("macbook")).findings, "failure"), []);
      assert.deepEqual(bad((await doctor("server")).findings, "failure"), []);
    });
  });
});

function bad(findings: readonly Finding[], level: Level): string[] {
  return findings
    .filter((finding) => finding.level === level)
    .map(({ check, found }) => (level === "failure" ? check : found));
}

/** What the checks in a folder can say, and did not. */
function neverSaid(folder: string, said: readonly Pick<Said, "finding">[]): readonly { readonly words: string }[] {
  return wordsOfChecks(folder).filter(({ words }) => !said.some(({ finding }) => finding.found.includes(words)));
}
