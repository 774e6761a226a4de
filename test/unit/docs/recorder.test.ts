import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Recorder } from "../../../scripts/transcript/recorder.ts";

describe("the transcript's recorder", () => {
  it("has commands at their prompts, comments with the time, and what came, without colours", () => {
    const recorder = new Recorder(new Map(), () => undefined);
    recorder.comment("a thought");
    recorder.command("root@server", "cachectl queue");
    recorder.output("\u001B[31m0 waiting\u001B[0m\r\n");
    assert.equal(recorder.text(), "# [00:00] a thought\n\nroot@server$ cachectl queue\n0 waiting\n");
  });

  it("names this machine's folders by what a reader has, on the terminal too", () => {
    let echoed = "";
    const recorder = new Recorder(new Map([["/srv/checkout", "~/nix-binary-cache"]]), (text) => (echoed += text));
    recorder.output("in /srv/checkout/nix\n");
    assert.equal(recorder.text(), "in ~/nix-binary-cache/nix\n");
    assert.equal(echoed, "in ~/nix-binary-cache/nix\n");
  });

  it("makes a cast: a header, then events whose times do not go back", () => {
    const recorder = new Recorder(new Map(), () => undefined);
    recorder.output("one\n");
    recorder.output("two\n");
    const [header, ...events] = recorder
      .cast("T")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(header, { version: 2, width: 120, height: 40, title: "T" });
    const seen = events as [number, string, string][];
    assert.deepEqual(
      seen.map(([, kind, text]) => [kind, text]),
      [
        ["o", "one\r\n"],
        ["o", "two\r\n"],
      ],
    );
    assert.ok((seen[0]?.[0] ?? -1) >= 0 && (seen[1]?.[0] ?? 0) >= (seen[0]?.[0] ?? 1));
  });
});
