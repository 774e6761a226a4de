/** What machines say of the keys that they trust, from the query to `cachectl clients`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTrusts, trustsQuery } from "../../nix/cachectl/clients/trusts.ts";
import { keepWords, latestWords, parseWord } from "../../nix/cachectl/clients/word.ts";

const now = Math.floor(Date.now() / 1000);
const key = (name: string): string => `${name}:${"A".repeat(43)}=`;

describe("what a machine says that it trusts", () => {
  it("goes into a query as names, cache.nixos.org's left out, and comes out the same", () => {
    const query = trustsQuery([
      key("cache.nixos.org-1"),
      key("server-cache-1"),
      key("server-cache-2"),
      key("server-cache-1"),
    ]);
    assert.equal(query, "?trusts=server-cache-1,server-cache-2");
    assert.deepEqual(parseTrusts(query.slice("?trusts=".length)), ["server-cache-1", "server-cache-2"]);
  });

  it("is said as well when it is none, and is bounded", () => {
    assert.equal(trustsQuery([key("cache.nixos.org-1")]), "?trusts=,");
    assert.deepEqual(parseTrusts(","), []);
    const many = Array.from({ length: 50 }, (_, index) => key(`k-${index}`));
    assert.equal(parseTrusts(trustsQuery(many).slice("?trusts=".length))?.length, 32);
    assert.equal(trustsQuery([key("a&b=c"), key("é"), key("x".repeat(65)), key("a-1")]), "?trusts=a-1");
  });

  it("counts from the log only as a machine of ours writes it", () => {
    const good = `${now}.123 100.64.0.2 server-cache-1`;
    assert.deepEqual(parseWord(good), { address: "100.64.0.2", keys: ["server-cache-1"], at: now * 1000 + 123 });
    assert.deepEqual(parseWord(`${now} fd7a:115c:a1e0::1 ,`)?.keys, []);
    const bad = [
      "",
      "-",
      `${now}.123 100.64.0.2`,
      `${now}.123 100.64.0.2 a b`,
      `${now}.123 server a`,
      `x 100.64.0.2 a`,
      `${now + 3600} 100.64.0.2 a`,
      `-5 100.64.0.2 a`,
      `${now} 100.64.0.2 a%0Ab`,
      `${now} 100.64.0.2 \\x1B[31m`,
      `${now} 100.64.0.2 <b>`,
      `${now} 100.64.0.2 ${"x".repeat(65)}`,
      `${now} 100.64.0.2 ${Array.from({ length: 33 }, (_, index) => `k${index}`).join(",")}`,
      `${now} 100.64.0.2 ${"a,".repeat(2000)}`,
    ];
    for (const line of bad) assert.equal(parseWord(line), undefined, line.slice(0, 60));
  });
});

describe("cachectl clients", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "clients-"));
    mkdirSync(join(folder, "state"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });
  const log = (): string => join(folder, "clients.log");
  const state = (): string => join(folder, "state");
  const env = (): NodeJS.ProcessEnv => ({
    ...process.env,
    NIX_BINARY_CACHE_CLIENTS_LOG: log(),
    NIX_BINARY_CACHE_STATE: state(),
  });
  const say = (...lines: string[]): void => {
    writeFileSync(log(), lines.map((line) => `${line}\n`).join(""), { flag: "a" });
  };
  const clients = (...args: string[]): string =>
    execFileSync(process.execPath, ["nix/cachectl/main.ts", "clients", ...args], { env: env(), encoding: "utf8" });

  it("keeps the last word of each machine, also when the log is rotated twice and gone", () => {
    say(`${now - 60} 100.64.0.2 a-1`, `${now - 50} 100.64.0.3 a-1`, `${now - 40} 100.64.0.2 a-1,a-2`, "rubbish");
    renameSync(log(), `${log()}.1`);
    say(`${now - 30} 100.64.0.3 a-2`);
    const expected = [
      { address: "100.64.0.3", keys: ["a-2"], at: (now - 30) * 1000 },
      { address: "100.64.0.2", keys: ["a-1", "a-2"], at: (now - 40) * 1000 },
    ];
    assert.deepEqual(latestWords(state(), env()), expected);
    keepWords(state(), expected);
    const { ino } = statSync(join(state(), "status/clients.json"));
    rmSync(log());
    rmSync(`${log()}.1`);
    assert.deepEqual(latestWords(state(), env()), expected);
    keepWords(state(), expected);
    assert.equal(statSync(join(state(), "status/clients.json")).ino, ino, "written though nothing changed");
    say(`${now - 100} 100.64.0.2 a-1`);
    assert.deepEqual(latestWords(state(), env()), expected, "an older word counts no more");
  });

  it("has room for no more than two thousand", () => {
    const lines = Array.from({ length: 2500 }, (_, index) => `${now - 5000 + index} fd7a::${index.toString(16)} a-1`);
    say(...lines);
    const words = latestWords(state(), env());
    assert.equal(words.length, 2000);
    assert.equal(words[0]?.address, `fd7a::${(2499).toString(16)}`);
  });

  it("shows them by the names that the stack has, for people and as JSON, and keeps them", () => {
    writeFileSync(
      join(state(), "config.json"),
      JSON.stringify({ machines: [{ name: "desktop", address: "100.64.0.2" }] }),
    );
    assert.match(clients(), /^no machine has said yet which keys it trusts/);
    say(`${now - 60} 100.64.0.2 a-1,a-2`, `${now - 90} 100.64.0.9 ,`);
    const lines = clients().split("\n");
    assert.match(lines[0] ?? "", /^address {5}name {5}trusts {4}said \(UTC\)$/);
    assert.match(lines[1] ?? "", /^100\.64\.0\.2 {2}desktop {2}a-1, a-2 {2}20\d\d-\d\d-\d\d \d\d:\d\d$/);
    assert.match(lines[2] ?? "", /^100\.64\.0\.9 {2}- {8}none/);
    const told = JSON.parse(clients("--json")) as object;
    assert.deepEqual(told, {
      version: 1,
      clients: [
        { name: "desktop", address: "100.64.0.2", keys: ["a-1", "a-2"], at: (now - 60) * 1000 },
        { address: "100.64.0.9", keys: [], at: (now - 90) * 1000 },
      ],
    });
    assert.equal((JSON.parse(readFileSync(join(state(), "status/clients.json"), "utf8")) as object[]).length, 2);
  });
});
