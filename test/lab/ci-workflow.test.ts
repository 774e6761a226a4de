/** The workflow that Pulumi commits, its steps run on a machine with the stand-ins' credentials: from the tailnet to another machine. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { NixVars } from "../../components/client-settings/index.ts";
import {
  checkOut,
  committedWorkflow,
  contextsOf,
  isTaken,
  joinAsCi,
  leftBehind,
  runOn,
  type Ran,
} from "./job/ci-runner.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { narinfoUrl, statusOf, wasSubstituted } from "./job/main-job.ts";
import { build, newPackage, type Package } from "./job/package.ts";
import { mustSucceed } from "./job/told.ts";
import type { Settings } from "./world/stack.ts";
import { asOperator } from "./world/operator-commands.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi } from "./world/world.ts";
import type { Contexts } from "../unit/ci-workflow/runner.ts";

const MINUTE = 60_000;
const OUTPUT = "packages.x86_64-linux.tool";
const STEPS = ["Repair DNS", "Connect to the cache", "Build", "Sign", "Announce", "Copy", "Commit", "Finish"];
const OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKu4NnJGV2ZHG2yHVIcJJzYWj2TsXjXO4aQz2H0JvE2N";

function flakeOf({ expression }: Package): string {
  return `{ outputs = _: { ${OUTPUT} = ${expression}; }; }\n`;
}

describe("the CI workflow, its steps run in the lab", function () {
  this.timeout(10 * MINUTE);
  const library = newPackage("library");
  const tool = newPackage("tool", [library]);
  let world: TestWorld;
  let settings: Settings;
  let workflow: string;
  let contexts: Contexts;
  let vars: NixVars;
  let first: Ran;
  let libraryPath: string;
  let toolPath: string;

  before("raise a lab of its own, where the Mac is no builder but CI's runner", async () => {
    world = await testWorld();
    const { ci, clients } = world.settings as { ci: object; clients: readonly { name: string }[] };
    settings = {
      ...world.settings,
      builders: [],
      clients: clients.filter(({ name }) => name === "desktop"),
      ci: { ...ci, outputs: [OUTPUT] },
    };
    const up = mustSucceed(await pulumi(world, "up", { settings }));
    vars = varsOf(up);
    await adoptVars(world, up);
    workflow = await committedWorkflow(world);
    contexts = await contextsOf(world, OUTPUT);
  });
  after("leave nothing behind", () => release(world));

  /** Whether a port of a machine takes a connection from the Mac. */
  async function reaches(name: "server" | "desktop", port: number): Promise<boolean> {
    const open = `exec 3<>/dev/tcp/${world.instance.addresses[name]}/${port}`;
    return (await world.machines.macbook.run(["timeout", "3", "bash", "-c", open])).code === 0;
  }

  // Later steps stand on the earlier ones: what follows a failed one would only tell of it again.
  let broken: string | undefined;
  beforeEach(() => assert.equal(broken, undefined, `"${broken ?? ""}" failed before`));
  afterEach(function () {
    if (this.currentTest?.state === "failed") broken ??= this.currentTest.title;
  });

  function assertDone({ outcome, log, summary }: Ran): void {
    assert.deepEqual(
      outcome,
      STEPS.map((step) => ({ step, ok: true })),
      log,
    );
    assert.match(summary, /: published$/m);
  }

  it("is, byte for byte, what `npm run workflow` prints for those who commit it themselves", async () => {
    const program = join(process.cwd(), "scripts/workflow.ts");
    const { code, stdout, stderr } = await asOperator(world, [process.execPath, program, "--stack", "lab"]);
    assert.deepEqual([code, stderr, stdout], [0, "", workflow]);
  });

  it("gets onto the tailnet with what GitHub holds: to the cache's two ports, and nowhere else", async () => {
    assert.equal(await reaches("desktop", 22), true, "its owner administers machines");
    await joinAsCi(world, world.machines.macbook, contexts);
    assert.deepEqual([await reaches("server", 22), await reaches("server", 5000)], [true, true]);
    assert.deepEqual([await reaches("server", 80), await reaches("desktop", 22)], [false, false]);
  });

  it("stops before it builds when the server's host key is another", async () => {
    await checkOut(world.machines.macbook, flakeOf(library));
    const vars = { ...contexts.vars, NIX_CACHE_HOST_KEY: OTHER_KEY };
    const { outcome, log, summary } = await runOn(world.machines.macbook, workflow, { ...contexts, vars });
    assert.deepEqual(
      outcome.map(({ step, ok }) => `${step}: ${ok ? "ok" : "failed"}`),
      ["Repair DNS: ok", "Connect to the cache: failed", "Finish: ok"],
    );
    assert.match(log, /::error title=Wrong host key::/);
    assert.match(summary, /\*\*not published\*\*/);
  });

  it("builds, signs, announces, copies and commits, each by its own step, to the end", async () => {
    await checkOut(world.machines.macbook, flakeOf(library));
    first = await runOn(world.machines.macbook, workflow, contexts);
    assertDone(first);
    assert.match(first.summary, /\| built here \| 1 \|/);
    libraryPath = /"committed":\["([^"]+)"\]/.exec(first.log)?.[1] ?? "";
    const url = narinfoUrl(vars.cache.url, libraryPath);
    assert.equal(await statusOf(world.machines.desktop, url), 200, first.log);
  });

  it("has signed with CI's key, which clients do not trust and the server takes for imports alone", async () => {
    const { server, desktop } = world.machines;
    const nix = ["nix", "--extra-experimental-features", "nix-command"];
    const info = await server.must([...nix, "path-info", "--sigs", libraryPath]);
    assert.match(info.stdout, /lab-ci-1:/);
    const served = await desktop.must(["curl", "--silent", "--fail", narinfoUrl(vars.cache.url, libraryPath)]);
    assert.match(served.stdout, /^Sig: server-cache-1:/m);
    assert.ok(vars.cache.publicKeys.every((key) => !key.startsWith("lab-ci-1:")));
  });

  it("leaves none of its keys on the runner, in its log, or on the run's page", async () => {
    const secrets = Object.values(contexts.secrets);
    assert.deepEqual(await leftBehind(world.machines.macbook, secrets), []);
    for (const secret of secrets.filter((text) => text.length > 30)) {
      assert.ok(!first.log.includes(secret) && !first.summary.includes(secret));
    }
  });

  it("fetches from the cache what it built before, and builds only what is new", async () => {
    const { macbook } = world.machines;
    await macbook.must(["nix-store", "--delete", libraryPath]);
    await checkOut(macbook, flakeOf(tool));
    const second = await runOn(macbook, workflow, contexts);
    assertDone(second);
    toolPath = /"committed":\[[^\]]*"([^"]+-tool)"/.exec(second.log)?.[1] ?? "";
    assert.ok(second.log.includes(`copying path '${libraryPath}' from '${vars.cache.url}'`), second.log);
    assert.match(second.summary, /\| built here \| 1 \|[\s\S]*\| fetched \| 1 \|/);
  });

  it("has given the desktop something to fetch: nothing is built there", async () => {
    const fetched = await build(world.machines.desktop, tool);
    assert.ok(wasSubstituted(fetched, vars.cache.url), fetched.log);
  });

  it("builds and sends nothing when nothing changed: a new runner fetches all of it", async () => {
    const { macbook } = world.machines;
    await checkOut(macbook, flakeOf(tool));
    await macbook.must(["nix-store", "--delete", toolPath, libraryPath]);
    const third = await runOn(macbook, workflow, contexts);
    assertDone(third);
    assert.match(third.summary, /\| built here \| 0 \|[\s\S]*\| fetched \| 2 \|/);
    assert.doesNotMatch(third.log, /copying path '\S+' to/);
  });

  it("sends what a runner that lives on had built before the job", async () => {
    const { macbook } = world.machines;
    const late = newPackage("late");
    await checkOut(macbook, flakeOf(late));
    const built = await build(macbook, late);
    const ran = await runOn(macbook, workflow, contexts);
    assertDone(ran);
    assert.match(ran.log, /copying path '\S+-late' to/);
    assert.equal(await statusOf(world.machines.desktop, narinfoUrl(vars.cache.url, built.path)), 200);
  });

  it("publishes nothing of a build that failed", async () => {
    const { macbook } = world.machines;
    const broken = { ...tool, expression: tool.expression.replace("> $out", "> $out; exit 1") };
    await checkOut(macbook, flakeOf(broken));
    const { outcome, summary, log } = await runOn(macbook, workflow, contexts);
    assert.deepEqual(outcome.at(-2), { step: "Build", ok: false }, log);
    assert.deepEqual(outcome.at(-1), { step: "Finish", ok: true });
    assert.match(summary, /\*\*not published\*\*/);
  });

  it("is let in all through a rotation of the OAuth client, and the old one is not after it", async () => {
    const rotated = async (clients: readonly string[]): Promise<Contexts> => {
      const ci = { ...(settings.ci as object), clients };
      mustSucceed(await pulumi(world, "up", { settings: { ...settings, ci } }));
      return contextsOf(world, OUTPUT);
    };
    const during = await rotated(["2", "1"]);
    assert.notEqual(during.secrets.TS_OAUTH_CLIENT_ID, contexts.secrets.TS_OAUTH_CLIENT_ID);
    assert.deepEqual([await isTaken(world, contexts), await isTaken(world, during)], [true, true]);
    const after = await rotated(["2"]);
    assert.deepEqual(after.secrets, during.secrets);
    assert.deepEqual([await isTaken(world, contexts), await isTaken(world, after)], [false, true]);
  });
});
