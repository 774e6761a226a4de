import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { addSample, diskStatus, slope } from "../../nix/cachectl/status/facts/disk.ts";
import { countLine, readOn } from "../../nix/cachectl/status/facts/access-log.ts";
import { noTraffic, readTraffic, writeTraffic } from "../../nix/cachectl/status/facts/traffic.ts";
import { sizeOf, smallPath } from "../../nix/cachectl/status/facts/small-path.ts";
import { byDay } from "../../nix/cachectl/status/figures.ts";
import { describeMetrics, metricsOf } from "../../nix/cachectl/status/metrics.ts";
import { describeStatus } from "../../nix/cachectl/status/text.ts";
import { logLine, now, StatusWorld } from "./status-world.ts";

const gibibyte = 1024 ** 3;
const hour = 3600_000;

describe("cachectl status", () => {
  let world: StatusWorld;
  beforeEach(() => (world = new StatusWorld()));
  afterEach(() => world.close());

  it("shows on one screen what was served, uploaded, built and kept", () => {
    const lines = describeStatus(world.fill().status()).split("\n");
    assert.ok(lines.length < 20 && lines.every((line) => line.length < 200), lines.join("\n"));
    const text = lines.join("\n");
    for (const expected of [
      /^server +server, http:\/\/server:5000, signs with server-cache-1$/m,
      /^today +served 15\.0 GiB, 93 % out of nginx's cache; 3 of 5 paths asked for were here; 1 error$/m,
      /^builder +desktop {2}last upload 60 min ago, 20 paths \(10\.0 MiB\) today, half of the uploads within 1\.5 s, its queue unknown, last heard of 60 min ago$/m,
      /^builder +macbook {2}has not uploaded yet, 4 entries waiting there for 6 h \(told 60 min ago\), last heard of 60 min ago, 1 path on the way for 5 h, in the way: the disk is <full>$/m,
      /^populate +6 h ago$/m,
      /laptop {2}1 failed: nixosConfigurations\.laptop \(build: hello\.drv failed\)$/m,
      /^retain +2 days ago: kept 50\.0 GiB of 100\.0 GiB, dropped 4 roots \(10\.0 GiB\)$/m,
      /^scrub +all checked 3 days ago, 1 path with wrong bytes, 0 not mended$/m,
      /^canary +1\.2 s, 60 min ago \(median 1\.2 s, 1 of 48 failed\)$/m,
    ])
      assert.match(text, expected);
  });

  it("has something to say before anything has happened", () => {
    const text = describeStatus(world.status());
    assert.match(text, /^populate +has never run$/m);
    assert.match(text, /^retain +has never run$/m);
    assert.match(text, /^canary +has never run/m);
    assert.match(text, /^today +served 0 B; 0 of 0/m);
  });

  it("is Prometheus text that names each metric's type once and has no value that is none", () => {
    const text = describeMetrics(metricsOf(world.fill().status()));
    const lines = text.trimEnd().split("\n");
    const sample =
      /^nix_binary_cache_[a-z_]+(?:\{[a-z]+="[^"\n]*"(?:,[a-z]+="[^"\n]*")*\})? -?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/;
    for (const line of lines)
      assert.match(line, line.startsWith("#") ? /^# (?:HELP|TYPE) nix_binary_cache_\S+ \S/ : sample);
    const types = lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]);
    assert.equal(new Set(types).size, types.length);
    assert.ok(types.length >= 25, `${types.length} metrics`);
    assert.match(text, /^nix_binary_cache_served_bytes_total\{cache="hit"\} 112742891520$/m);
    assert.match(text, /^nix_binary_cache_populate_outputs\{host="laptop",good="no"\} 1$/m);
    assert.match(text, /^nix_binary_cache_builder_oldest_announced_time_seconds\{builder="macbook"\} 1773990000$/m);
    assert.match(text, /^nix_binary_cache_builder_queue_entries\{builder="macbook"\} 4$/m);
    assert.match(text, /^nix_binary_cache_builder_queue_oldest_time_seconds\{builder="macbook"\} 1773986400$/m);
    assert.doesNotMatch(text, /^nix_binary_cache_builder_queue_entries\{builder="desktop"\}/m);
  });

  it("writes page, badge and metrics by a timer's call, and counts on from there", () => {
    world.fill();
    const page = join(world.folder, "page", "index.html");
    const call = (): void => {
      const program = resolve("nix/cachectl/main.ts");
      const { status, stderr } = spawnSync(process.execPath, [program, "status", "--html", page], {
        env: world.env,
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
    };
    call();
    appendFileSync(world.log, logLine(Date.now(), "/nar/x.nar", { bytes: 7 }));
    call();
    assert.match(readFileSync(page, "utf8"), /^<!doctype html>[\s\S]*<\/html>\n$/);
    assert.match(readFileSync(join(world.folder, "page", "status.svg"), "utf8"), /in trouble/);
    assert.match(readFileSync(join(world.folder, "page", "metrics.prom"), "utf8"), /cache="miss"\} 15032385543$/m);
    assert.equal(readTraffic(join(world.paths.state, "status", "traffic.json")).total.bytes, 119 * gibibyte + 7);
  });

  it("asks for one form at a time", () => {
    const program = resolve("nix/cachectl/main.ts");
    const args = [program, "status", "--json", "--prometheus"];
    const { status, stderr } = spawnSync(process.execPath, args, { env: world.env, encoding: "utf8" });
    assert.equal(status, 2);
    assert.match(stderr, /found more than one form/);
  });
});

describe("the path that other machines look at", () => {
  const world = new StatusWorld();
  after(() => world.close());
  const make = (name: string, files: number, bytes: number): string => {
    const folder = join(world.folder, name);
    mkdirSync(folder);
    for (let index = 0; index < files; index++) writeFileSync(join(folder, String(index)), Buffer.alloc(bytes));
    return folder;
  };

  it("is a small one, and of those the newest", () => {
    const [large, many, small, smaller] = [
      make("large", 2, 2e6),
      make("many", 600, 1),
      make("small", 2, 1e5),
      make("smaller", 1, 1),
    ];
    assert.equal(smallPath([large, many, small, smaller]), small);
    assert.equal(smallPath([many, large]), large);
    assert.equal(smallPath([many]), many);
    assert.equal(smallPath([]), undefined);
    assert.deepEqual([sizeOf(many), sizeOf(join(world.folder, "gone"))], [Infinity, Infinity]);
    assert.ok(sizeOf(small) >= 2e5);
  });
});

describe("what nginx served", () => {
  let world: StatusWorld;
  beforeEach(() => (world = new StatusWorld()));
  afterEach(() => world.close());
  const bytes = (from = noTraffic): number => readOn(from, world.log, 5000).total.bytes;
  const line = (size: number): string => logLine(now, "/nar/x.nar", { bytes: size });

  it("leaves out what is not the cache's, and lines that are none", () => {
    for (const text of ["", "-", "garbage in a log", logLine(now, "/nar/x.nar", { port: 5002 }).trim()])
      assert.equal(countLine(text, 5000), undefined, text);
    assert.equal(countLine(logLine(now, "/nar/x.nar", { status: 404, bytes: 9 }).trim(), 5000)?.counts.bytes, 0);
    assert.equal(countLine(logLine(now, "/", { bytes: 9 }).trim(), 5000)?.counts.bytes, 0);
  });

  it("reads each line once, also when it was half written at first", () => {
    const whole = line(10);
    writeFileSync(world.log, line(1) + whole.slice(0, 20));
    const first = readOn(noTraffic, world.log, 5000);
    assert.equal(first.total.bytes, 1);
    appendFileSync(world.log, whole.slice(20));
    const second = readOn(first, world.log, 5000);
    assert.equal(second.total.bytes, 11);
    assert.equal(readOn(second, world.log, 5000).total.bytes, 11);
  });

  it("reads the rest of a log that was rotated, and then the new one", () => {
    writeFileSync(world.log, line(1));
    const first = readOn(noTraffic, world.log, 5000);
    appendFileSync(world.log, line(10));
    renameSync(world.log, `${world.log}.1`);
    writeFileSync(world.log, line(100));
    assert.equal(bytes(first), 111);
  });

  it("begins anew with a log that was emptied in its place, or whose rotated half is gone", () => {
    writeFileSync(world.log, line(1) + line(1));
    const first = readOn(noTraffic, world.log, 5000);
    truncateSync(world.log);
    appendFileSync(world.log, line(5));
    assert.equal(bytes(first), 7);
    renameSync(world.log, `${world.log}.elsewhere`);
    writeFileSync(world.log, line(100));
    assert.equal(bytes(first), 102);
  });

  it("goes on from nothing where what it kept is damaged, and keeps a month", () => {
    const file = join(world.folder, "traffic.json");
    writeFileSync(file, '{"total": {"bytes": "many"}, "hours": {"x": 1}, "read": []}');
    assert.deepEqual(readTraffic(file), noTraffic);
    const lines = Array.from({ length: 1000 }, (_, index) => logLine(now + index * hour, "/nar/x.nar", { bytes: 1 }));
    writeFileSync(world.log, lines.join(""));
    writeTraffic(file, readOn(noTraffic, world.log, 5000));
    const kept = readTraffic(file);
    assert.deepEqual([Object.keys(kept.hours).length, kept.total.bytes], [31 * 24, 1000]);
    assert.equal(byDay(kept, 2, now + 999 * hour)[0]?.counts.bytes, 24);
  });
});

describe("when the disk is full", () => {
  const samples = (perHour: number, hours: number, start = 1e12): { at: number; freeBytes: number }[] =>
    Array.from({ length: hours }, (_, index) => ({
      at: now - (hours - index) * hour,
      freeBytes: start - perHour * index,
    }));

  it("is where the trend of two weeks leads", () => {
    const free = diskStatus({
      store: "/",
      minFreeBytes: 0,
      budgetBytes: undefined,
      retain: undefined,
      history: [],
      now,
    }).freeBytes;
    const perHour = free / 1000;
    const history = samples(perHour, 100, free + perHour * 100);
    const status = diskStatus({ store: "/", minFreeBytes: 0, budgetBytes: undefined, retain: undefined, history, now });
    const hours = ((status.fullAt ?? 0) - now) / hour;
    assert.ok(Math.abs(hours - 1000) < 50, `${hours} hours`);
  });

  it("is not in sight while space grows, or when little is known", () => {
    assert.ok(slope(samples(-1000, 100)) > 0);
    assert.equal(slope(samples(1e9, 5)), 0);
    const facts = { store: "/", minFreeBytes: 0, budgetBytes: undefined, retain: undefined, now };
    const free = diskStatus({ ...facts, history: [] }).freeBytes;
    const history = samples(-free / 1000, 100, free * 0.9);
    assert.equal(diskStatus({ ...facts, history }).fullAt, undefined);
  });

  it("is now when less is free than must be", () => {
    const status = diskStatus({
      store: "/",
      minFreeBytes: Infinity,
      budgetBytes: undefined,
      retain: undefined,
      history: [],
      now,
    });
    assert.equal(status.fullAt, now);
  });

  it("keeps a sample an hour for two weeks and one a day for a year", () => {
    let history: readonly { at: number; freeBytes: number }[] = [];
    for (let at = now - 380 * 24 * hour; at < now; at += hour) history = addSample(history, { at, freeBytes: 1 });
    assert.ok(history.length > 650 && history.length < 720, String(history.length));
    assert.equal(addSample(history, { at: now - hour + 5, freeBytes: 2 }).length, history.length);
  });
});
