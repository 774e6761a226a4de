/** The first hour as the documentation has it, from `npm run setup` to `pulumi destroy`, typed on real machines. */
import assert from "node:assert/strict";
import { aliases, firstHour, refuseSecrets } from "../../scripts/transcript/first-hour.ts";
import { Recorder } from "../../scripts/transcript/recorder.ts";
import { commandsOf } from "../unit/docs/commands.ts";
import { blocksOf, pages } from "../unit/docs/markdown.ts";
import { readPolicy } from "./world/stand-ins.ts";
import { release, testWorld, type TestWorld } from "./world/test-world.ts";

const MINUTE = 60_000;

describe("the first hour", function () {
  this.timeout(10 * MINUTE);
  let world: TestWorld;
  let recorder: Recorder;

  before("raise a lab of its own", async () => {
    world = await testWorld();
    recorder = new Recorder(aliases(world), () => undefined);
  });
  after("leave nothing behind", () => release(world));

  it("ends well, and leaves the tailnet's policy as it was", async () => {
    const policy = await readPolicy(world);
    await firstHour(world, recorder);
    assert.equal(await readPolicy(world), policy);
  });

  it("brings the Mac's build to the desktop as a download", () => {
    const text = recorder.text();
    const path = /^alice@macbook\$ nix-build[^]*?^(\/nix\/store\/\S+-first-hour)$/m.exec(text)?.[1] ?? "none";
    const desktop = text.slice(text.indexOf("alice@desktop$ nix-build"));
    assert.ok(desktop.includes(`copying path '${path}' from 'http://`), desktop.slice(0, 500));
    assert.doesNotMatch(desktop, /^building '/m);
  });

  it("has a doctor that finds nothing broken", () => {
    assert.match(recorder.text(), /^server: 0 failures/m);
  });

  it("is what the documentation says it is: each of its commands that the lab types was typed", () => {
    const text = recorder.text();
    const blocks = pages()
      .flatMap(blocksOf)
      .filter(({ language, note }) => language === "sh" && note === "lab");
    assert.ok(blocks.length >= 5);
    for (const { file, line, text: block } of blocks) {
      for (const command of commandsOf(block)) assert.ok(text.includes(`$ ${command}`), `${file}:${line}: ${command}`);
    }
  });

  it("shows none of the operator's secrets", () => {
    refuseSecrets(world, recorder);
  });
});
