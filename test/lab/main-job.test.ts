/** The main job, end to end, on real parts: each step is asserted on the outside, none on our own say-so. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { OperationResult } from "./engine/operation.ts";
import { openSecrets } from "./github/vault.ts";
import { adoptVars, varsOf } from "./job/clients.ts";
import { mainJob, narinfoUrl, statusOf, untilUploaded, wasSubstituted, type JobReport } from "./job/main-job.ts";
import { build, newPackage } from "./job/package.ts";
import { secretsBelow, secretsIn, secretsOn, watchArguments, type Secrets } from "./job/secrets.ts";
import { changed, changedSteps, figures, mustSucceed, resourceCount } from "./job/told.ts";
import { credentials, snapshot } from "./world/snapshot.ts";
import { readPolicy, REPOSITORY, USERS_POLICY } from "./world/stand-ins.ts";
import { secondStack } from "./world/stack.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";
import { pulumi, type RunOptions } from "./world/world.ts";

const KEY = "/var/lib/secrets/nix-binary-cache/server-cache-1.secret";
const MINUTE = 60_000;

/** What stands in a policy by hand, in its order: lines, but of a list in one line its entries, since ours come beside them. */
function usersTexts(policy: string): string[] {
  return policy
    .split("\n")
    .map((line) => /^\s*"\w+": \[(.+)\],?$/.exec(line)?.[1]?.trim() ?? line.replace(/,$/, ""))
    .filter((text) => text.trim() !== "");
}

describe("the main job, end to end", function () {
  this.timeout(10 * MINUTE);
  let world: TestWorld;
  let broken: string | undefined;
  let up: OperationResult;
  let url: string;
  let job: JobReport;
  const said: string[] = [];
  const seen = new Set<string>();
  const seconds: Record<string, number> = {};

  /** Runs Pulumi while every process's arguments are watched, and keeps what it said. */
  async function run(name: Parameters<typeof pulumi>[1], options: RunOptions = {}): Promise<OperationResult> {
    const [result, leaks] = await watchArguments(await knownSecrets(), () => pulumi(world, name, options));
    for (const leak of leaks) seen.add(leak);
    said.push(result.stdout, result.stderr, result.message);
    return result;
  }

  /** The operator's secrets, and those that were made since. */
  async function knownSecrets(): Promise<Secrets> {
    const { tailscaleApiKey, ...others } = world.secrets;
    const github = await openSecrets(join(world.instance.dir, "github.state.json"), REPOSITORY, "nix-cache").catch(
      () => ({}),
    );
    const file = await world.machines.server.run(["cat", KEY]);
    // The credential's id is no secret: it is the resource's name at Tailscale.
    const sealed = Object.entries(github).filter(([name]) => name !== "TS_OAUTH_CLIENT_ID");
    const made = { ...Object.fromEntries(sealed), ...(file.code === 0 && { signingKey: file.stdout.trim() }) };
    return { tailscaleApiKey, ...others, ...made };
  }

  before("raise a lab of its own", async () => {
    world = await testWorld();
  });
  after("tell the figures", async () => {
    if (broken === undefined) console.log(figures(seconds, await resourceCount(world)));
  });
  after("leave nothing behind", () => release(world));
  // Later steps stand on the earlier ones: what follows a failed one would only tell of it again.
  beforeEach(() => assert.equal(broken, undefined, `"${broken ?? ""}" failed before`));
  afterEach(function () {
    if (this.currentTest?.state === "failed") broken ??= this.currentTest.title;
  });

  it("previews an empty world: lists what would be made, and changes nothing anywhere", async () => {
    const before = await snapshot(world);
    const preview = mustSucceed(await run("preview"));
    seconds.preview = preview.seconds;
    assert.deepEqual(await snapshot(world), before);
    const kinds = new Set(changedSteps(preview).map(({ op }) => op));
    assert.deepEqual([...kinds], ["create"]);
    for (const type of ["tailscale:index/acl:Acl", "tailscale:index/oauthClient:OauthClient"]) {
      assert.ok(
        changedSteps(preview).some((step) => step.type === type),
        `no ${type} in the preview`,
      );
    }
    assert.match(preview.stdout, /tag:nix-ci/, "the policy's difference is shown");
  });

  it("brings everything up", async () => {
    up = mustSucceed(await run("up"));
    seconds.up = up.seconds;
    ({ url } = varsOf(up).cache);
    assert.equal(url, `http://${world.instance.addresses.server}:5000`);
  });

  it("keeps the tailnet's policy that was there, comments included, with ours added", async () => {
    const policy = await readPolicy(world);
    let from = 0;
    for (const text of usersTexts(readFileSync(USERS_POLICY, "utf8"))) {
      const at = policy.indexOf(text, from);
      assert.notEqual(at, -1, `the user's ${JSON.stringify(text)} is gone or moved:\n${policy}`);
      from = at;
    }
    for (const tag of ["tag:nix-cache", "tag:nix-ci"]) assert.ok(policy.includes(`"${tag}"`), `${tag} is not in it`);
  });

  it("makes CI's credential with one tag and one scope, and GitHub holds it, sealed", async () => {
    const made = credentials(world).filter(({ revoked }) => revoked === undefined);
    assert.deepEqual(
      made.map(({ keyType, scopes, tags }) => ({ keyType, scopes, tags })),
      [{ keyType: "client", scopes: ["auth_keys"], tags: ["tag:nix-ci"] }],
    );
    const secrets = await openSecrets(join(world.instance.dir, "github.state.json"), REPOSITORY, "nix-cache");
    assert.equal(secrets.TS_OAUTH_CLIENT_ID, made[0]?.id);
    const body = new URLSearchParams({
      client_id: secrets.TS_OAUTH_CLIENT_ID ?? "",
      client_secret: secrets.TS_OAUTH_SECRET ?? "",
      grant_type: "client_credentials",
    });
    const answer = await fetch(`${world.standIns.tailscale}/api/v2/oauth/token`, { method: "POST", body });
    assert.equal(answer.status, 200, "what GitHub holds is taken by Tailscale");
  });

  it("made the signing key on the server only, 0400, and gives out its public half", async () => {
    const { server, desktop, macbook } = world.machines;
    const { stdout } = await server.must(["stat", "--format", "%a %U", KEY]);
    assert.equal(stdout.trim(), "400 root");
    const convert = ["sh", "-c", `nix --extra-experimental-features nix-command key convert-secret-to-public < ${KEY}`];
    assert.deepEqual(up.outputs.publicKeys?.value, [(await server.must(convert)).stdout.trim()]);
    for (const machine of [desktop, macbook]) assert.equal((await machine.run(["test", "-e", KEY])).code, 1);
  });

  it("deployed the server, which serves the cache and nothing else, to whom the policy lets in", async () => {
    const { desktop } = world.machines;
    const info = (await desktop.must(["curl", "--silent", "--fail", `${url}/nix-cache-info`])).stdout;
    assert.match(info, /^StoreDir: \/nix\/store$/m);
    assert.match(info, /^Priority: 50$/m);
    for (const path of ["/metrics", "/serve/", "/log/x", "/version"]) {
      assert.equal(await statusOf(desktop, url + path), 404, path);
    }
    const address = world.instance.addresses.server;
    const ssh = ["timeout", "3", "bash", "-c", `exec 3<>/dev/tcp/${address}/22`];
    assert.notEqual((await desktop.run(ssh)).code, 0, "desktop is no builder and has no ssh");
    assert.equal((await world.machines.macbook.run(ssh)).code, 0, "macbook uploads by ssh");
  });

  it("does the main job: built on macbook, substituted on desktop, signature checked by Nix", async () => {
    await adoptVars(world, up);
    const { desktop } = world.machines;
    const nix = ["nix", "--extra-experimental-features", "nix-command"];
    const settings = await desktop.must([...nix, "config", "show", "require-sigs"], { user: "alice" });
    assert.equal(settings.stdout.trim(), "true");
    job = await mainJob(world, url);
    seconds["build end to substitutable"] = job.substitutableSeconds;
    assert.match(job.built.log, /building '/);
    assert.ok(job.substituted, job.fetched.log);
    assert.equal((await desktop.must(["cat", job.fetched.path])).stdout.trim(), job.package.contents);
    const info = await desktop.must([...nix, "path-info", "--json", "--sigs", job.fetched.path]);
    assert.match(info.stdout, /server-cache-1:/);
  });

  it("substitutes a whole closure, dependencies first", async () => {
    const { macbook, desktop } = world.machines;
    const library = newPackage("library");
    const program = newPackage("program", [library]);
    const { path } = await build(macbook, program);
    for (let tries = 0; (await statusOf(desktop, narinfoUrl(url, path))) !== 200 && tries < 100; tries += 1);
    const fetched = await build(desktop, program);
    assert.ok(wasSubstituted(fetched, url), fetched.log);
    assert.equal(fetched.log.match(/copying path/g)?.length, 2);
  });

  it("refuses a path that nobody signed, and one that the client does not trust", async () => {
    const { macbook, server, desktop } = world.machines;
    const made = newPackage("unsigned");
    const { path } = await build(macbook, made);
    // The hook has queued it; a plain copy by the same builder, without its signature, is what the proposal did.
    const fake = newPackage("unsigned-too");
    await macbook.must(["sh", "-c", "mkdir -p /tmp/bare"]);
    await macbook.writeFile("/tmp/bare.nix", fake.expression, 0o644);
    const built = await macbook.must(
      ["nix-build", "/tmp/bare.nix", "--no-out-link", "--option", "post-build-hook", ""],
      {
        env: { NIX_REMOTE: "" },
      },
    );
    const bare = built.stdout.trim();
    const store = `ssh://nix-push@${world.instance.addresses.server}?ssh-key=/var/lib/nix-binary-cache/keys/ssh`;
    const copy = ["nix", "--extra-experimental-features", "nix-command", "copy", "--to", store, bare];
    const options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes";
    const refused = await macbook.run(copy, { env: { NIX_SSHOPTS: options }, timeoutSeconds: 60 });
    assert.notEqual(refused.code, 0, "an unsigned path was taken");
    assert.equal((await server.run(["nix-store", "--check-validity", bare])).code, 1);
    const untrusting = ["--option", "trusted-public-keys", "other-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="];
    const from = [
      "nix",
      "--extra-experimental-features",
      "nix-command",
      "copy",
      "--from",
      url,
      "--to",
      "/tmp/elsewhere",
    ];
    const distrusted = await desktop.run([...from, ...untrusting, job.built.path], { timeoutSeconds: 60 });
    assert.notEqual(distrusted.code, 0);
    assert.match(distrusted.stderr, /signature/);
    assert.notEqual(path, bare);
  });

  it("has nothing to change the second time, and touches nothing", async () => {
    await untilUploaded(world.machines.macbook);
    const before = await snapshot(world);
    const again = mustSucceed(await run("up", { options: { expectNoChanges: true } }));
    seconds["up with nothing to change"] = again.seconds;
    assert.deepEqual(changedSteps(again), []);
    assert.deepEqual(await snapshot(world), before);
  });

  it("names exactly what follows from changing one setting", async () => {
    const cache = { ...(world.settings.cache as object), connectTimeoutSeconds: 3 };
    const preview = mustSucceed(await run("preview", { settings: { ...world.settings, cache } }));
    // What the installation answers is not known before it is done, so whoever reads it may change too.
    assert.deepEqual(changed(preview), ["update macbook-install", "update cache-builder-macbook"]);
    const tailnet = { ...(world.settings.tailnet as object), readers: ["group:ops"] };
    const other = mustSucceed(await run("preview", { settings: { ...world.settings, tailnet } }));
    assert.deepEqual(changed(other), ["update tailnet-policy"]);
  });

  it("shows no secret in clear: state, logs, arguments of processes, machines", async () => {
    const secrets = await knownSecrets();
    assert.ok(Object.keys(secrets).length >= 8, `only ${Object.keys(secrets).join(", ")} are known`);
    assert.deepEqual(secretsBelow(join(world.instance.dir, "pulumi"), secrets), []);
    assert.deepEqual(secretsIn(said.join("\n"), secrets), []);
    assert.deepEqual([...seen], []);
    for (const machine of Object.values(world.machines)) {
      const found = await secretsOn(machine, ["/var/log", "/nix/store", "/etc", "/tmp", "/run"], secrets);
      // Where systemd hands a service its credentials: in memory, for that service alone.
      assert.deepEqual(
        found.filter((path) => !path.startsWith("/run/credentials/")),
        [],
      );
    }
  });

  it("shares the tailnet with a second stack; destroying that one leaves the first and the user's own", async () => {
    const before = await readPolicy(world);
    const settings = await secondStack(world.machines);
    const second = mustSucceed(await run("up", { stack: "second", settings }));
    assert.ok((await readPolicy(world)).includes("tag:second-cache"));
    const { desktop, macbook } = world.machines;
    assert.equal(await statusOf(macbook, `${varsOf(second).cache.url}/nix-cache-info`), 200);
    assert.equal(await statusOf(desktop, `${url}/nix-cache-info`), 200);
    mustSucceed(await run("destroy", { stack: "second", settings }));
    assert.equal(await readPolicy(world), before);
    assert.deepEqual(changed(mustSucceed(await run("preview"))), []);
    await adoptVars(world, up);
  });

  it("destroys what is ours and nothing else; the key stays, and the next up takes it up again", async () => {
    mustSucceed(await run("destroy"));
    assert.equal(await readPolicy(world), readFileSync(USERS_POLICY, "utf8"));
    assert.deepEqual(
      credentials(world).filter(({ revoked }) => revoked === undefined),
      [],
    );
    const file = join(world.instance.dir, "github.state.json");
    await assert.rejects(openSecrets(file, REPOSITORY, "nix-cache"), "the environment is gone");
    const { macbook, server } = world.machines;
    assert.equal((await macbook.run(["test", "-e", "/etc/nix/upload-to-cache.sh"])).code, 1);
    assert.equal((await server.run(["test", "-s", KEY])).code, 0);
    const again = mustSucceed(await run("up"));
    assert.deepEqual(again.outputs.publicKeys?.value, up.outputs.publicKeys?.value);
    assert.ok((await mainJob(world, url)).substituted);
  });
});
