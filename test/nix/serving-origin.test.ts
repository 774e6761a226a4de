import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdDecompressSync } from "node:zlib";
import { hashInBase32, KeyRing } from "../../nix/cachectl/receive/signature.ts";
import { ask } from "./serving-client.ts";
import { accepts, environment, freePort, haveTools } from "./serving-tools.ts";
import { digits } from "./serving-upstream.ts";

const double = join(import.meta.dirname, "..", "lab", "origin", "main.ts");
const NIX_CONFIG = "experimental-features = nix-command\nbuild-users-group =\nsubstituters =\n";

/** Nix, with nothing of this machine's settings; resolves with what it wrote, throws with what it complained of. */
function nix(program: string, args: readonly string[], input = ""): string {
  const env = { ...environment, NIX_CONFIG };
  return execFileSync(program, args, {
    env,
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
    timeout: 60_000,
  });
}

describe("the lab's double of Harmonia", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "serving-origin-"));
  const root = join(folder, "root");
  const [library, program] = ["lib", "program"].map((name) => `/nix/store/${digits(32)}-${name}`);
  let url = "";
  let child: ChildProcess | undefined;

  before(async function () {
    this.timeout(400_000);
    if (!haveTools()) this.skip();
    assert.ok(library !== undefined && program !== undefined);
    for (const key of ["one", "two"]) {
      nix("nix-store", ["--generate-binary-cache-key", `${key}-1`, join(folder, `${key}.secret`), join(folder, key)]);
    }
    mkdirSync(join(root, "nix/store"), { recursive: true });
    writeFileSync(join(root, library), "a library\n".repeat(10_000));
    mkdirSync(join(root, program));
    writeFileSync(join(root, program, "run"), `#!/bin/sh\ncat ${library}\n`, { mode: 0o755 });
    const registration = [register(library, []), register(program, [library])].join("\n");
    nix("nix-store", ["--store", root, "--load-db"], `${registration}\n`);
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const settings = join(folder, "harmonia.toml");
    writeFileSync(
      settings,
      `# the lab's\nbind = "127.0.0.1:${port}"\npriority = 50\nreal_nix_store = "${root}/nix/store"\n`,
    );
    const keys = ["one", "two"].map((key) => join(folder, `${key}.secret`)).join(" ");
    child = start({ CONFIG_FILE: settings, SIGN_KEY_PATHS: keys });
    for (let tries = 0; tries < 100 && !(await accepts(port)); tries++) await sleep(50);
  });
  after(async () => {
    if (child?.exitCode === null) {
      child.kill();
      await once(child, "exit");
    }
    execFileSync("chmod", ["-R", "u+w", folder]);
    rmSync(folder, { recursive: true });
  });

  it("signs each narinfo with every key, over what the database says at this moment", async () => {
    assert.ok(library !== undefined && program !== undefined);
    const { body } = await ask(`${url}/${program.slice(11, 43)}.narinfo`);
    const fields = new Map(
      [...body.toString().matchAll(/^(\w+): (.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
    );
    const signatures = [...body.toString().matchAll(/^Sig: (.*)$/gm)].map(([, signature = ""]) => signature);
    assert.equal(fields.get("References"), library.slice(11));
    const facts = {
      path: program,
      narHash: fields.get("NarHash") ?? "",
      narSize: Number(fields.get("NarSize")),
      references: [library],
    };
    const ring = new KeyRing(["one", "two"].map((key) => readFileSync(join(folder, key), "utf8")));
    assert.deepEqual(ring.valid(facts, signatures), signatures);
    assert.equal(signatures.length, 2);
  });

  it("gives a NAR whose hash and size are those of its narinfo, as it is and compressed", async () => {
    const narinfo = (await ask(`${url}/${program?.slice(11, 43) ?? ""}.narinfo`)).body.toString();
    const place = /^URL: (.*)$/m.exec(narinfo)?.[1] ?? "";
    const plain = await ask(`${url}/${place}`);
    const compressed = await ask(`${url}/${place}`, { "Accept-Encoding": "zstd" });
    assert.equal(compressed.headers["content-encoding"], "zstd");
    assert.deepEqual(zstdDecompressSync(compressed.body), plain.body);
    const digest = execFileSync("sha256sum", { input: plain.body, encoding: "utf8" }).slice(0, 64);
    assert.ok(narinfo.includes(`NarHash: sha256:${hashInBase32(digest)}\nNarSize: ${plain.body.length}\n`));
  });

  it("is a cache that the real Nix copies a closure from, if it trusts one of the keys, and not otherwise", () => {
    for (const [key, taken] of [
      ["one", true],
      ["two", true],
      ["stranger", false],
    ] as const) {
      if (!taken)
        nix("nix-store", ["--generate-binary-cache-key", "stranger-1", join(folder, "s.secret"), join(folder, key)]);
      const target = join(folder, `to-${key}`);
      const trusted = ["--option", "trusted-public-keys", readFileSync(join(folder, key), "utf8")];
      const copy = (): string => nix("nix", ["copy", "--from", url, "--to", target, program ?? "", ...trusted]);
      if (taken) copy();
      else assert.throws(copy, /lacks a (?:valid )?signature|signature by a trusted key/);
    }
    assert.ok(readFileSync(join(folder, "to-one", program ?? "", "run"), "utf8").startsWith("#!/bin/sh"));
  });

  it("has what Harmonia has beside the cache, so that hiding it can be tested", async () => {
    for (const place of ["/", "/metrics", "/health", `/serve/${program?.slice(11, 43) ?? ""}/`, "/log/x.drv"]) {
      assert.equal((await ask(url + place)).status, 200, place);
    }
    assert.match((await ask(`${url}/nix-cache-info`)).body.toString(), /^Priority: 50$/m);
    assert.equal((await ask(`${url}/${digits(32)}.narinfo`)).status, 404);
    assert.equal((await ask(`${url}/nar/${digits(52)}.nar?hash=${program?.slice(11, 43) ?? ""}`)).status, 404);
  });

  it("has a path no more once it is deleted", async () => {
    const place = `${url}/${program?.slice(11, 43) ?? ""}.narinfo`;
    assert.equal((await ask(place)).status, 200);
    nix("nix-store", ["--store", root, "--delete", program ?? ""]);
    assert.equal((await ask(place)).status, 404);
  });

  it("refuses a setting that Harmonia does not have", async () => {
    const settings = join(folder, "odd.toml");
    writeFileSync(settings, 'bnid = "127.0.0.1:1"\n');
    const odd = start({ CONFIG_FILE: settings }, "pipe");
    const told: Buffer[] = [];
    odd.stderr?.on("data", (chunk: Buffer) => told.push(chunk));
    const [status] = (await once(odd, "close")) as [number];
    assert.equal(status, 1);
    assert.match(Buffer.concat(told).toString(), /bnid.*is no setting/);
  });

  /** A path as `nix-store --load-db` takes it. */
  function register(path: string, references: readonly string[]): string {
    const nar = join(folder, "nar");
    execFileSync("sh", ["-c", 'nix-store --dump "$1" >"$2"', "sh", join(root, path), nar], { env: environment });
    const [digest = ""] = execFileSync("sha256sum", [nar], { encoding: "utf8" }).split(" ");
    return [path, digest, String(statSync(nar).size), "", String(references.length), ...references].join("\n");
  }

  function start(settings: NodeJS.ProcessEnv, stderr: "inherit" | "pipe" = "inherit"): ChildProcess {
    return spawn(process.execPath, [double], {
      env: { ...environment, ...settings },
      stdio: ["ignore", "ignore", stderr],
    });
  }
});
