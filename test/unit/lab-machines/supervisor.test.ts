/** The double of systemd and launchd reads units and property lists as the real ones do. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { daemonFromPlist } from "../../lab/machines/supervisor/daemons.ts";
import { parsePlist } from "../../lab/machines/supervisor/plist.ts";
import { findUnit, parseSpan, readUnit, UnitFile } from "../../lab/machines/supervisor/unit-file.ts";
import { jobFromUnit, triggerFromUnit } from "../../lab/machines/supervisor/units.ts";
import { expandVariables, parseCommand, splitWords } from "../../lab/machines/supervisor/words.ts";

function unit(text: string): UnitFile {
  const file = new UnitFile();
  file.add(text);
  return file;
}

describe("the lab's double of systemd", () => {
  it("splits command lines at white space outside quotes", () => {
    const words = ["/bin/sh", "-c", 'echo "a b"', 'c"d', ""];
    assert.deepEqual(splitWords(`/bin/sh -c 'echo "a b"' "c\\"d" ""`), words);
  });

  it("takes prefixes off, and puts variables in", () => {
    assert.deepEqual(parseCommand("-/bin/false x"), { argv: ["/bin/false", "x"], ignoreFailure: true });
    assert.deepEqual(expandVariables(["$MANY", "${ONE}-x", "$$HOME"], { MANY: "a b", ONE: "1" }), [
      ...["a", "b", "1-x", "$HOME"],
    ]);
  });

  it("reads time spans", () => {
    const spans = { "5min 20s": 320, "1h": 3600, "90": 90, "100ms": 0.1, "2 weeks": 1_209_600, infinity: Infinity };
    for (const [text, seconds] of Object.entries(spans)) assert.equal(parseSpan(text), seconds, text);
  });

  it("lets an empty value take back what was set, as in a drop-in", () => {
    const folder = mkdtempSync(join(tmpdir(), "units-"));
    try {
      writeFileSync(join(folder, "a.service"), "[Service]\nExecStart=/bin/one\nEnvironment=A=1\n");
      mkdirSync(join(folder, "a.service.d"));
      writeFileSync(join(folder, "a.service.d/x.conf"), "[Service]\nExecStart=\nExecStart=/bin/two\nEnvironment=B=2\n");
      const found = readUnit("a.service", [folder]);
      assert.ok(found);
      const job = jobFromUnit("a.service", found);
      assert.deepEqual(
        job.main.map(({ argv }) => argv),
        [["/bin/two"]],
      );
      assert.deepEqual(job.environment, { A: "1", B: "2" });
      symlinkSync("/dev/null", join(folder, "masked.service"));
      assert.equal(findUnit("masked.service", [folder]), undefined);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("makes a job of a service: user, folders, credentials, limits, restarts", () => {
    const text = [
      ...["[Unit]", "Description=A job", "StartLimitBurst=2", "StartLimitIntervalSec=1min", "[Service]"],
      ...["Type=oneshot", "ExecStart=/bin/a %n %d", "User=alice", "StateDirectory=x", "LoadCredential=k:/etc/key"],
      ...["SuccessExitStatus=75", "Restart=on-failure", "RestartSec=2s", "KillMode=process"],
    ];
    const job = jobFromUnit("a.service", unit(text.join("\n")));
    assert.deepEqual(job.main[0]?.argv, ["/bin/a", "a.service", "/run/credentials/a.service"]);
    const { kind, user, folders, credentials, startLimit, successCodes, restart, restartSeconds, killAll } = job;
    assert.deepEqual(
      { kind, user, folders, credentials, startLimit, successCodes, restart, restartSeconds, killAll },
      {
        ...{ kind: "oneshot", user: "alice", folders: [["/var/lib/x", 0o755]], credentials: [["k", "/etc/key"]] },
        ...{ startLimit: [2, 60], successCodes: [0, 75], restart: "on-failure", restartSeconds: 2, killAll: false },
      },
    );
  });

  it("makes triggers of path and timer units", () => {
    const path = triggerFromUnit("q.path", unit("[Path]\nDirectoryNotEmpty=/q\nMakeDirectory=yes\n"));
    assert.deepEqual(
      [path.job, path.paths, path.makeDirectories],
      [...["q.service", [{ kind: "not-empty", path: "/q" }], true]],
    );
    const timer = triggerFromUnit("t.timer", unit("[Timer]\nOnBootSec=5min\nOnUnitActiveSec=1h\nUnit=x.service\n"));
    assert.equal(timer.job, "x.service");
    assert.deepEqual(timer.timers, [
      { after: "boot", seconds: 300 },
      { after: "start", seconds: 3600 },
    ]);
  });
});

describe("the lab's double of launchd", () => {
  const plist = (body: string): string => `<?xml version="1.0"?><plist version="1.0"><dict>${body}</dict></plist>`;

  it("reads property lists, entities and all", () => {
    const text = plist("<key>a</key><string>x &amp; y</string><key>b</key><array><integer>3</integer><true/></array>");
    assert.deepEqual(parsePlist(text), { a: "x & y", b: [3, true] });
    assert.throws(() => parsePlist("<plist><dict><key>a</key></dict>"), /ends too early|expected a value/);
  });

  it("makes a job and its trigger", () => {
    const queue = "<key>QueueDirectories</key><array><string>/q</string></array>";
    const args = "<key>ProgramArguments</key><array><string>/bin/a</string><string>$X</string></array>";
    const daemon = daemonFromPlist(parsePlist(plist(`<key>Label</key><string>org.a</string>${args}${queue}`)));
    assert.deepEqual(daemon.job.main[0]?.argv, ["/bin/a", "$X"]);
    assert.deepEqual(daemon.trigger?.paths, [{ kind: "not-empty", path: "/q" }]);
    assert.equal(daemon.runAtLoad, false);
    assert.equal(daemon.job.throttleSeconds, 10);
  });

  it("names what a property list lacks", () => {
    assert.throws(() => daemonFromPlist(parsePlist(plist("<key>Program</key><string>/a</string>"))), /no Label/);
    assert.throws(() => daemonFromPlist(parsePlist(plist("<key>Label</key><string>x</string>"))), /x: found neither/);
  });
});
