import assert from "node:assert/strict";
import { deviceOf } from "../../../components/tailnet-access/machines.ts";

describe("a machine among the tailnet's", () => {
  const server = {
    hostname: "server",
    name: "server.tail1234.ts.net",
    addresses: ["100.64.0.10", "fd7a:115c:a1e0::a"],
  };
  // Whoever calls his own machine like the server is listed first.
  const impostor = { hostname: "server", name: "server-1.tail1234.ts.net", addresses: ["100.64.0.66"] };
  const devices = [impostor, server];

  it("is told by its address: a tailnet IP, its DNS name, or that name's first part", () => {
    for (const address of ["100.64.0.10", "fd7a:115c:a1e0::a", "server.tail1234.ts.net", "Server"]) {
      assert.equal(deviceOf(devices, { name: "server", address }), server, address);
    }
  });

  it("is told by its host name where the address is a DNS name of somewhere else, if no other has it", () => {
    const machine = { name: "server", address: "cache.example.org" };
    assert.equal(deviceOf([server], machine), server);
    assert.throws(() => deviceOf(devices, machine), /has 2 machines that may be "server" \(cache\.example\.org\)/);
  });

  it("is no other one when its IP is nobody's", () => {
    const absent = { name: "server", address: "100.64.0.11" };
    assert.throws(
      () => deviceOf(devices, absent),
      /has no machine that may be "server" \(100\.64\.0\.11\)\. Set server/,
    );
  });
});
