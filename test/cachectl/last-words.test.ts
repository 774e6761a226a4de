import assert from "node:assert/strict";
import { lastWords } from "../../nix/cachectl/lib/run.ts";

const ended = (stderr: string, more: object = {}): string =>
  lastWords({ status: 255, stdout: "", stderr, timedOut: false, ...more });

describe("the last words of a program", () => {
  it("are the line that says why, not the one that says that it is over", () => {
    const tailscale = 'tailscale: tailnet policy does not permit you to SSH as user "nix-push"';
    assert.equal(ended(`${tailscale}\r\nConnection closed by 100.64.0.1 port 22\r\n`), tailscale);
    assert.equal(ended("nix-binary-cache: no\nwarning: bye\n"), "nix-binary-cache: no");
    const full = "error: writing to file: No space left on device";
    assert.equal(ended(`${full}\nerror: unexpected end-of-file\n`), full);
    assert.equal(ended("copying 1 paths...\nerror: unexpected end-of-file\n"), "error: unexpected end-of-file");
    assert.equal(ended("one\n\u001b[31mtwo\u001b[0m\n"), "two");
  });

  it("are told of a program that was ended, too: a rule that waits for a person says so and then says no more", () => {
    const check =
      "# Tailscale SSH requires an additional check.\n# To authenticate, visit: https://login.tailscale.com/a/1\n";
    assert.equal(
      ended(check, { status: null, timedOut: true }),
      "took too long and was ended; it had said: # Tailscale SSH requires an additional check.",
    );
    assert.equal(ended("", { status: null, timedOut: true }), "took too long and was ended");
  });

  it("are the status where it said nothing, and never longer than a line on a screen", () => {
    assert.equal(ended(""), "ended with status 255");
    assert.equal(ended("x".repeat(1000)).length, 300);
  });
});
