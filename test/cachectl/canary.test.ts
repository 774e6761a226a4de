import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { addToHistory, readHistory } from "../../nix/cachectl/canary/history.ts";
import { base32, makeKey, narOf, signUpload, storePath, type TestKey, type Upload } from "./receive-protocol.ts";

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A server whose cache is a double, and whose Nix is doubles too, unless a test gives it the real one. */
class CanaryWorld {
  readonly folder = mkdtempSync(join(tmpdir(), "nix-binary-cache-canary-"));
  readonly state = join(this.folder, "state");
  readonly key: TestKey = makeKey("server-cache-1");
  readonly server: Server = createServer(({ url = "" }, response) => {
    const upload = this.find();
    if (url === "/") return void response.end(`<html data-known-path="${this.upload.path}">`);
    const isNarinfo = upload !== undefined && url === `/${upload.path.slice(11, 43)}.narinfo`;
    this.asked += isNarinfo ? 1 : 0;
    const there = this.asked > this.absentFor;
    const body =
      isNarinfo && there
        ? this.narinfo(upload)
        : url.endsWith(".nar")
          ? this.change(upload?.nar ?? Buffer.of())
          : undefined;
    response.writeHead(body === undefined ? 404 : 200).end(body);
  });
  asked = 0;
  /** So many questions are answered with "not there". */
  absentFor = 3;
  upload: Upload = { path: storePath("nix-binary-cache-canary"), nar: narOf("canary\n") };
  find: () => Upload | undefined = () => this.upload;
  change = (nar: Buffer): Buffer => nar;
  signer = this.key;

  async build(): Promise<this> {
    for (const name of ["state", "signing", "doubles"]) mkdirSync(join(this.folder, name));
    for (const name of ["nix-build", "nix-store"])
      symlinkSync(resolve("test/cachectl/doctor-doubles/answer"), join(this.folder, "doubles", name));
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    const port = (this.server.address() as AddressInfo).port;
    const config = {
      cache: { url: `http://127.0.0.1:${port}`, port, publicKeys: [this.key.publicKey] },
      server: { name: "server", address: "127.0.0.1" },
      signing: { directory: join(this.folder, "signing") },
    };
    writeFileSync(join(this.state, "config.json"), JSON.stringify(config));
    this.say("nix-build", `${this.upload.path}\n`);
    this.say("nix-store", `${hashOf(this.upload.nar)}\n`);
    return this;
  }

  say(name: string, out: string, status = 0, err = ""): void {
    for (const [end, text] of Object.entries({ out, err, status: `${status}\n` }))
      writeFileSync(join(this.folder, "doubles", `${name}.${end}`), text);
  }

  narinfo(upload: Upload): string {
    const { path, nar, references = [] } = upload;
    return [
      ...[
        `StorePath: ${path}`,
        "URL: nar/x.nar",
        "Compression: none",
        `NarHash: ${hashOf(nar)}`,
        `NarSize: ${nar.length}`,
      ],
      ...[`References: ${references.join(" ")}`, `Sig: ${signUpload(this.signer, upload)}`, ""],
    ].join("\n");
  }

  /** Not spawnSync: this process is the cache. */
  async canary(env: NodeJS.ProcessEnv = {}, ...args: string[]): Promise<Ended> {
    const program = resolve("nix/cachectl/main.ts");
    const given = {
      PATH: `${join(this.folder, "doubles")}:/usr/bin:/bin`,
      HOME: this.folder,
      NIX_BINARY_CACHE_STATE: this.state,
      ...env,
    };
    const child = spawn(process.execPath, [program, "canary", ...args], {
      env: given,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout, stderr };
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function hashOf(nar: Buffer): string {
  return `sha256:${base32(createHash("sha256").update(nar).digest())}`;
}

describe("cachectl canary", () => {
  let world: CanaryWorld;
  beforeEach(async () => (world = await new CanaryWorld().build()));
  afterEach(() => world.close());

  it("waits until the cache serves what was built, checks it, and remembers the seconds", async () => {
    const { status, stdout, stderr } = await world.canary();
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^served whole after \d\.\d\d s: \/nix\/store\/\S+-nix-binary-cache-canary\n$/);
    const [run, ...more] = readHistory(world.state);
    assert.ok(run?.seconds !== undefined && run.seconds > 0.1 && run.seconds < 5 && more.length === 0);
    assert.equal(world.asked, 4);
  });

  const failures: readonly (readonly [string, (world: CanaryWorld) => void, RegExp])[] = [
    ["it is not served in time", (given) => (given.absentFor = Infinity), /not served within 1 s: the answer is 404/],
    ["the cache is away", (given) => given.server.close(), /not served within 1 s: .*ECONNREFUSED/],
    [
      "another key signed",
      (given) => (given.signer = makeKey("server-cache-1")),
      /without a signature that is trusted/,
    ],
    [
      "the bytes are others",
      (given) => (given.change = (nar) => Buffer.from(nar).fill(0, 100, 101)),
      /bytes are not those of its hash/,
    ],
    ["the NAR is cut off", (given) => (given.change = (nar) => nar.subarray(0, 50)), /has 50 bytes, its narinfo says/],
    [
      "the path has other contents here",
      (given) => given.say("nix-store", `${hashOf(Buffer.from("x"))}\n`),
      /served with the hash sha256:\S+, built with/,
    ],
    [
      "nothing can be built",
      (given) => given.say("nix-build", "", 1, "error: out of disk\n"),
      /could not be built: error: out of disk/,
    ],
  ];
  for (const [what, provoke, says] of failures) {
    it(`fails, says so and remembers it when ${what}`, async () => {
      provoke(world);
      const { status, stdout } = await world.canary({}, "--timeout", "1");
      assert.equal(status, 1);
      assert.match(stdout, says);
      const [run] = readHistory(world.state);
      assert.equal(run?.seconds, undefined);
      assert.match(run?.problem ?? "", says);
    });
  }

  it("flies all the same, and says so, where it can't remember", async function () {
    if (process.getuid?.() === 0) {
      rmSync(world.state + "/canary.json", { force: true });
      mkdirSync(join(world.state, "canary.json"));
    } else chmodSync(world.state, 0o500);
    const { status, stderr } = await world.canary();
    assert.equal(status, 0);
    assert.match(stderr, /^not remembered: .*sudo cachectl canary/);
  });

  it("on a machine that only reads, fetches what the server names, and checks it by the keys that Nix trusts", async () => {
    rmSync(join(world.state, "config.json"));
    const { port } = world.server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    symlinkSync(resolve("test/cachectl/doctor-doubles/answer"), join(world.folder, "doubles", "nix"));
    const trusting = (keys: readonly string[]): void =>
      world.say("nix", JSON.stringify({ substituters: { value: [url] }, "trusted-public-keys": { value: keys } }));
    trusting([world.key.publicKey]);
    world.absentFor = 0;
    const good = await world.canary({}, "--json");
    assert.equal(good.status, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /-nix-binary-cache-canary"/);
    trusting([makeKey("server-cache-1").publicKey]);
    const bad = await world.canary();
    assert.deepEqual(
      [bad.status, bad.stdout.includes("without a signature that is trusted here")],
      [1, true],
      bad.stdout,
    );
    world.upload = { ...world.upload, path: storePath("gone") };
    world.absentFor = Infinity;
    assert.match((await world.canary()).stdout, /no path is known that the cache has/);
  });

  it("remembers 500 runs and no more", () => {
    const before = Array.from({ length: 509 }, (_, index) => ({ at: index, seconds: 1 }));
    writeFileSync(join(world.state, "canary.json"), JSON.stringify(before));
    addToHistory(world.state, { at: 509, seconds: 1 });
    const runs = readHistory(world.state);
    assert.deepEqual([runs.length, runs[0]?.at, runs.at(-1)?.at], [500, 10, 509]);
  });

  it("builds, with the real Nix, a path that never was, twice another one, and leaves no root", async function () {
    this.timeout(60_000);
    const found = spawnSync("nix-build", ["--version"]);
    if (found.status !== 0 || process.getuid?.() !== 0) {
      console.log("      (skipped: needs Nix and root)");
      this.skip();
    }
    const before = canariesHere();
    const made: string[] = [];
    world.find = () => realUpload([...before, ...made]);
    for (let round = 0; round < 2; round++) {
      world.asked = 0;
      const { status, stdout, stderr } = await world.canary({ PATH: process.env.PATH }, "--json");
      assert.equal(status, 0, stdout + stderr);
      made.push((JSON.parse(stdout) as { path: string }).path);
    }
    assert.equal(new Set(made).size, 2);
    // Processes of other tests may hold a root for as long as they run; a lasting one is a link.
    const roots = spawnSync("nix-store", ["--query", "--roots", ...made], { encoding: "utf8" });
    assert.deepEqual([roots.status, roots.stdout.split("\n").filter((line) => line.startsWith("/nix/var"))], [0, []]);
    spawnSync("nix-store", ["--delete", ...made]);
  });
});

function canariesHere(): readonly string[] {
  const names = readdirSync("/nix/store").filter((name) => name.endsWith("-nix-binary-cache-canary"));
  return names.map((name) => `/nix/store/${name}`);
}

/** The canary of this machine's store that is not among `known`. */
function realUpload(known: readonly string[]): Upload | undefined {
  const path = canariesHere().find((one) => !known.includes(one));
  if (path === undefined) return undefined;
  return { path, nar: spawnSync("nix-store", ["--dump", path]).stdout };
}
