import assert from "node:assert/strict";
import { missingPackages, preflight, type HostView } from "../../lab/machines/preflight.ts";

describe("the lab's look at its host", () => {
  const well = { code: 0, stdout: "", stderr: "" };
  const said: string[] = [];
  const good: HostView = { platform: "linux", userId: 0, has: () => true, run: () => Promise.resolve(well) };
  const look = (change: Partial<HostView>): Promise<void> =>
    preflight((line) => said.push(line), { ...good, ...change });

  it("finds a good host good", async () => {
    await look({});
  });

  it("asks for Linux", async () => {
    await assert.rejects(look({ platform: "darwin" }), /not Linux: found darwin.*use a Debian or Ubuntu machine/);
  });

  it("asks for root", async () => {
    await assert.rejects(look({ userId: 1000 }), /not root: run with sudo/);
  });

  it("says that namespaces are not permitted, with the kernel's word, and what to do", async () => {
    const refused = { code: 1, stdout: "", stderr: "unshare: unshare failed: Operation not permitted\n" };
    const run: HostView["run"] = ([program]) => Promise.resolve(program === "unshare" ? refused : well);
    await assert.rejects(look({ run }), /namespaces not permitted here: .*Operation not permitted.*--privileged/s);
  });

  it("says that the kernel has no overlayfs", async () => {
    const failed = { code: 1, stdout: "", stderr: "" };
    const run: HostView["run"] = ([program]) => Promise.resolve(program === "unshare" ? well : failed);
    await assert.rejects(look({ run }), /overlayfs: this kernel has none/);
  });

  it("installs what is missing, each package once", async () => {
    const ran: string[] = [];
    const run: HostView["run"] = (argv) => {
      ran.push(argv.join(" "));
      return Promise.resolve(well);
    };
    await look({ has: (program) => !["nft", "ssh", "scp"].includes(program), run });
    assert.ok(
      ran.some((line) => /apt-get .* install nftables openssh-client$/.test(line)),
      ran.join("\n"),
    );
    assert.deepEqual(
      missingPackages((program) => program !== "debootstrap"),
      ["debootstrap", "debian-archive-keyring"],
    );
  });

  it("names what is missing where there is no apt-get, and what apt-get could not install", async () => {
    const has = (program: string): boolean => program !== "nft" && program !== "apt-get";
    await assert.rejects(look({ has }), /missing nftables, and there is no apt-get here/);
    const run: HostView["run"] = (argv) =>
      Promise.resolve(argv.includes("install") ? { code: 100, stdout: "", stderr: "E: no such package\n" } : well);
    await assert.rejects(look({ has: (program) => program !== "nft", run }), /install nftables failed: E: no such/);
  });
});
