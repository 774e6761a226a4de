import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import type { Flow } from "../../lab/tailscale/packet-filter.ts";

const LAB = join(import.meta.dirname, "../../lab/tailscale");

describe("the stand-in's programs", function () {
  this.timeout(20_000);
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "lab-tailscale-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const file = (name: string, content: unknown): string => {
    writeFileSync(join(directory, name), JSON.stringify(content));
    return join(directory, name);
  };

  it("judge.ts prints a line for each case, in order", async () => {
    const users = [{ name: "ada", email: "ada@example.com" }];
    const nodes = { one: { tags: ["tag:a"], ipv4: "100.64.0.1" }, two: { user: "ada", ipv4: "100.64.0.2" } };
    const policy = { tagOwners: { "tag:a": [] }, grants: [{ src: ["ada@example.com"], dst: ["tag:a"], ip: ["22"] }] };
    const tests = [{ src: "ada@example.com", accept: ["tag:a:22"], deny: ["tag:a:23"] }];
    const cases = [
      { id: "good", policy: { ...policy, tests }, users, nodes },
      { id: "bad", policy: { ...policy, tests: [{ src: "tag:a", accept: ["tag:a:22"] }] }, users, nodes },
    ];
    const { stdout } = await promisify(execFile)(process.execPath, [join(LAB, "judge.ts"), file("cases.json", cases)]);
    assert.equal(
      stdout,
      '{"id":"good","code":200,"body":{}}\n{"id":"bad","code":400,"body":{"message":"test(s) failed"}}\n',
    );
  });

  it("main.ts serves until SIGTERM and keeps the packet filter in a file, telling a command of each change", async () => {
    const filterPath = join(directory, "filter.json");
    const told = join(directory, "told");
    const options = {
      statePath: join(directory, "state.json"),
      users: [{ login: "ada@example.com", role: "owner" }],
      devices: [{ name: "one", addresses: ["100.80.1.10"], user: "ada@example.com" }],
      apiKeys: [{ key: "tskey-api-lab", user: "ada@example.com" }],
      filterPath,
      filterCommand: ["cp", filterPath, told],
    };
    const child = spawn(process.execPath, [join(LAB, "main.ts"), file("options.json", options)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const { url } = JSON.parse(line.toString()) as { url: string };
    const headers = { authorization: `Basic ${Buffer.from("tskey-api-lab:").toString("base64")}` };
    const signal = AbortSignal.timeout(10_000);
    const body = '{"grants": []}';
    const response = await fetch(`${url}/api/v2/tailnet/-/acl`, { method: "POST", headers, body, signal });
    assert.equal(response.status, 200);
    assert.deepEqual(JSON.parse(readFileSync(told, "utf8")) as Flow[], []);
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    assert.ok(!existsSync(`${filterPath}.tmp`));
  });
});
