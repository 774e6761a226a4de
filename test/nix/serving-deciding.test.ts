import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, type Answer } from "./serving-client.ts";
import { servingPair } from "./serving-pair.ts";
import type { Served } from "./serving-upstream.ts";

describe("nginx and what cachectl retain is deciding about", function () {
  this.timeout(60_000);
  const state = mkdtempSync(join(tmpdir(), "deciding-"));
  const [deciding, going] = [join(state, "deciding"), join(state, "going")];
  after(() => rmSync(state, { recursive: true }));
  afterEach(() => [deciding, going].forEach((folder) => rmSync(folder, { recursive: true, force: true })));
  const pair = servingPair({ decidingDirectory: deciding, goingDirectory: going });

  function mark(folder: string, ...paths: readonly Served[]): void {
    mkdirSync(folder);
    for (const { narinfo } of paths) writeFileSync(join(folder, narinfo.slice(1, 33)), "");
  }
  const url = (place: string): string => pair.nginx.url + place;
  const seconds = async (asked: Promise<unknown>): Promise<number> => {
    const begun = Date.now();
    await asked;
    return (Date.now() - begun) / 1000;
  };
  const both = ({ narinfo, nar }: Served): Promise<Answer[]> => Promise.all([ask(url(narinfo)), ask(url(nar))]);
  const statuses = async (path: Served): Promise<number[]> => (await both(path)).map(({ status }) => status);

  it("has readers of it wait, and nobody else, and answers as it was decided", async () => {
    const [goes, stays, other] = [pair.upstream.add(), pair.upstream.add(), pair.upstream.add()];
    mark(deciding, goes, stays);
    const waiting = [statuses(goes), statuses(stays)];
    const head = ask(url(goes.narinfo), {}, "HEAD");
    assert.ok((await seconds(both(other))) < 0.7);
    await sleep(1500);
    assert.deepEqual(
      pair.upstream.asked.filter(({ url: asked }) => asked.includes(goes.narinfo.slice(1, 33))),
      [],
    );
    rmSync(join(deciding, stays.narinfo.slice(1, 33)));
    renameSync(deciding, going);
    assert.deepEqual(await Promise.all(waiting), [
      [404, 404],
      [200, 200],
    ]);
    assert.equal((await head).status, 404);
    assert.ok((await seconds(both(goes))) < 0.7, "what goes is gone at once");
    rmSync(going, { recursive: true });
    assert.deepEqual(await statuses(goes), [200, 200]);
  });

  it("serves it after eight seconds when nobody decides, whole", async () => {
    const path = pair.upstream.add();
    mark(deciding, path);
    const begun = Date.now();
    const answers = await both(path);
    const waited = (Date.now() - begun) / 1000;
    assert.deepEqual(
      answers.map(({ status, whole }) => [status, whole]),
      [
        [200, true],
        [200, true],
      ],
    );
    assert.deepEqual(answers[1]?.body, path.bytes);
    assert.ok(waited > 7.9 && waited < 12, String(waited));
  });

  it("waits for Harmonia too, which comes back while it is decided", async () => {
    const path = pair.upstream.add();
    mark(deciding, path);
    await pair.upstream.stop();
    const answered = both(path);
    await sleep(2500);
    rmSync(deciding, { recursive: true });
    await sleep(1500);
    await pair.upstream.listen();
    assert.deepEqual(
      (await answered).map(({ status }) => status),
      [200, 200],
    );
  });

  it("tells clients nothing of its own addresses", async () => {
    assert.equal((await ask(url("/nix-binary-cache/decided"))).status, 404);
  });
});
