import assert from "node:assert/strict";
import { TestServer } from "./receive-host.ts";
import { storePath } from "./receive-protocol.ts";

describe("what the receiver refuses", () => {
  let server: TestServer;
  beforeEach(() => (server = new TestServer()));
  afterEach(() => server.remove());

  const commands = [
    undefined,
    "",
    "bash",
    "nix-daemon --stdio",
    "nix-store --gc",
    "nix-store --serve",
    "nix-store --serve --write; id",
    "nix-store  --serve --write",
    "nix-store --serve --write --store /tmp",
    "announce beta",
    "scp -t /tmp",
    "rsync --server . .",
    "/usr/lib/openssh/sftp-server",
    "internal-sftp",
    "status\n",
    "x".repeat(2 ** 20),
  ];
  for (const command of commands) {
    it(`refuses ${JSON.stringify(command?.slice(0, 40) ?? "an interactive login")} with status 126 and says why`, async () => {
      const { status, errors } = await server.call(server.alpha.sshKey, command);
      assert.equal(status, 126);
      assert.match(errors, /^nix-binary-cache: .*(refused|no interactive login).{1,200}\n$/);
      assert.deepEqual(
        server.audit().map(({ builder, outcome, kind }) => ({ builder, outcome, kind })),
        [{ builder: "alpha", outcome: "refused", kind: "command" }],
      );
    });
  }

  it("holds the caller's own command to the same list where sshd forces ours", async () => {
    const environment = server.environment(server.alpha.sshKey);
    const ours = await server.call("", "receive", "", { ...environment, SSH_ORIGINAL_COMMAND: "status" });
    assert.equal(ours.status, 0);
    for (const SSH_ORIGINAL_COMMAND of ["internal-sftp", "receive", undefined]) {
      assert.equal((await server.call("", "receive", "", { ...environment, SSH_ORIGINAL_COMMAND })).status, 126);
    }
  });

  const lists: [string, (path: string) => string, RegExp][] = [
    ["a path outside the store", () => "/etc/passwd\n", /line 1 is no store path/],
    ["the store itself", () => "/nix/store\n", /no store path/],
    ["a file inside a path", (path) => `${path}/bin/sh\n`, /no store path/],
    ["a name with ..", (path) => `${path}\n${path}/../x\n`, /line 2 is no store path/],
    ["a name that is ..", () => `/nix/store/${"0".repeat(32)}-..\n`, /no store path/],
    ["a hash with letters that Nix does not use", () => `/nix/store/${"e".repeat(32)}-x\n`, /no store path/],
    ["a NUL", (path) => `${path}\0\n`, /no store path/],
    ["a carriage return", (path) => `${path}\r\n`, /no store path/],
    ["an empty line", (path) => `${path}\n\n${path}\n`, /line 2 is no store path/],
    ["a line of 1 MiB", () => `/nix/store/${"0".repeat(2 ** 20)}\n`, /no store path/],
    ["a list that was cut off", (path) => `${path}\n${path.slice(0, -3)}`, /cut off/],
    ["more bytes than a list may have", (path) => `${path}\n`.repeat(60_000), /more than 2097152 bytes/],
    ["more paths than a list may have", (path) => `${path}\n`.repeat(5001), /5001 paths in one call/],
  ];
  for (const [what, list, message] of lists) {
    it(`refuses an announcement with ${what} and leaves no root`, async () => {
      const { status, errors } = await server.call(server.alpha.sshKey, "announce", list(storePath("hello")));
      assert.equal(status, 126);
      assert.match(errors, message);
      assert.deepEqual(server.rootsOf("incoming", "alpha"), []);
    });
  }

  it("refuses more roots than a builder may have and makes none of them", async () => {
    server.config = { limits: { maxRoots: 3 } };
    const list = (...names: string[]): string => names.map((name) => `${storePath(name)}\n`).join("");
    assert.equal((await server.call(server.alpha.sshKey, "announce", list("a", "b"))).status, 0);
    const { status, errors } = await server.call(server.alpha.sshKey, "announce", list("b", "c", "d"));
    assert.deepEqual([status, errors], [126, "nix-binary-cache: 4 roots of this builder, at most 3 are kept\n"]);
    assert.equal(server.rootsOf("incoming", "alpha").length, 2);
    assert.equal((await server.call(server.alpha.sshKey, "announce", list("a", "b", "c"))).status, 0);
  });
});
