import assert from "node:assert/strict";
import { nixOrSkip } from "../support/nix.ts";
import { processesOf } from "./populate-watch.ts";
import { type Called, PopulateWorld, removeWorlds, system } from "./populate-world.ts";

const seconds = 30;

describe("populate of a flake with bad outputs among good ones", function () {
  this.timeout(300_000);
  let world: PopulateWorld;
  let called: Called;
  before(async function () {
    world = new PopulateWorld(await nixOrSkip(this));
    world.useFlake("bad");
    Object.assign(world.populate, { timeoutMinutes: seconds / 60, memoryMax: "1GiB" });
    called = await world.call(["populate"]);
  });
  after(removeWorlds);
  const output = (name: string) => world.output(`packages.${system}.${name}`);

  it("says so by its exit status, and what to do", () => {
    assert.equal(called.status, 1, called.stdout + called.stderr);
    assert.match(called.stdout, /^3 built, 8 failed\nto try one again: cachectl populate packages\.\S+\.b-fails$/m);
  });

  it("builds and roots the good ones, in front of, among and behind the bad ones", () => {
    const good = ["a-good", "c-good", "z-good"];
    for (const name of good) assert.equal(output(name).status, "built");
    assert.deepEqual(
      Object.keys(world.roots()).sort(),
      good.map((name) => `packages.${system}.${name}`),
    );
  });

  // Name, Nix's word for it, a line of its log where that tells more.
  const bad: readonly (readonly [string, RegExp, string?])[] = [
    ["b-fails", /^build: .*b-fails\.drv' failed with exit code 3/, "b-fails> the compiler is unhappy"],
    ["d-floods", /^build: not done after 30 s \(populate\.timeoutMinutes\)$/, "d-floods> and so on and so forth"],
    ["e-eats", /^build: .*e-eats\.drv' failed with exit code 9/, "e-eats> tail: memory exhausted"],
    ["f-throws", /^evaluation: no such package$/],
    ["g-explodes", /^evaluation: it wanted more memory than 1\.0 GiB \(populate\.memoryMax\)$/],
    ["h-none", /^evaluation: it is not a derivation$/],
    ["i-needs", /^build: .*i-needs\.drv/],
    ["y-hangs", /^build: not done after 30 s \(populate\.timeoutMinutes\)$/],
  ];
  for (const [name, reason, line] of bad) {
    it(`tells why ${name.slice(2)} failed`, () => {
      const found = output(name);
      assert.equal(found.status, "failed");
      assert.match(found.reason ?? "", reason);
      if (line !== undefined) assert.ok(found.log?.includes(line), found.log?.join("\n"));
      assert.ok((found.log?.length ?? 0) <= 12);
    });
  }

  it("takes no longer than the limit for the one that hangs", () => {
    const took = output("y-hangs").seconds;
    assert.ok(took >= seconds && took < seconds + 10, `${took} s`);
  });

  it("leaves nothing running", () => {
    assert.deepEqual(processesOf(world), []);
  });
});
