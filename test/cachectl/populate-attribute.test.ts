import assert from "node:assert/strict";
import fc from "fast-check";
import {
  flakeOutput,
  fragment,
  isDarwin,
  parseAttribute,
  showAttribute,
} from "../../nix/cachectl/populate/attribute.ts";

describe("an attribute path", () => {
  it("comes apart at its dots, but for those in quotes", () => {
    assert.deepEqual(parseAttribute("packages.x86_64-linux.hello"), ["packages", "x86_64-linux", "hello"]);
    assert.deepEqual(parseAttribute('homeConfigurations."ada@desk.lan"'), ["homeConfigurations", "ada@desk.lan"]);
  });

  for (const text of ["", ".", "packages.", ".packages", "a..b", 'a."b', "a b", 'a."b"c', 'a.""']) {
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseAttribute(text), { message: new RegExp("is no attribute path, such as packages") });
    });
  }

  it("is the same again after it was shown", () => {
    const component = fc.string({ minLength: 1 }).filter((text) => !text.includes('"'));
    fc.assert(
      fc.property(fc.array(component, { minLength: 1 }), (path) => {
        assert.deepEqual(parseAttribute(showAttribute(path)), path);
      }),
    );
  });

  it("as a fragment has nothing in it that a reference could be cut at", () => {
    const component = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !text.includes('"'));
    fc.assert(
      fc.property(fc.array(component, { minLength: 1 }), (path) => {
        assert.match(fragment(path), /^(?:[A-Za-z0-9_.'"@+-]|%[0-9A-F]{2})+$/);
        assert.equal(decodeURIComponent(fragment(path)), showAttribute(path));
      }),
    );
  });
});

describe("an output", () => {
  it("that is a machine is built as its system, whether its derivation is named or not", () => {
    const expected = {
      name: "nixosConfigurations.desktop",
      path: ["nixosConfigurations", "desktop", "config", "system", "build", "toplevel"],
      kind: "system",
      group: "desktop",
    };
    assert.deepEqual(flakeOutput(["nixosConfigurations", "desktop"]), expected);
    assert.deepEqual(flakeOutput(expected.path), expected);
  });

  it("that is a home is built as its activation", () => {
    const { path, kind, group } = flakeOutput(["homeConfigurations", "ada@desk"]);
    assert.deepEqual(path, ["homeConfigurations", "ada@desk", "activationPackage"]);
    assert.deepEqual([kind, group], ["package", "homeConfigurations.ada@desk"]);
  });

  it("of a machine that is not its system, such as an image, does not count as one", () => {
    const { kind, group } = flakeOutput(parseAttribute("nixosConfigurations.desktop.config.system.build.isoImage"));
    assert.deepEqual([kind, group], ["package", "nixosConfigurations.desktop.config.system.build.isoImage"]);
  });

  it("has a folder name of its own, whatever it is called", () => {
    const groups = [["a/b"], ["a_b"], ["a", "b"], ["a.b"], ["..", "x"], ["."], ["x".repeat(300)]].map(
      (path) => flakeOutput(["packages", "s", ...path]).group,
    );
    assert.equal(new Set(groups.slice(0, 2)).size, 2);
    for (const group of [...groups, flakeOutput([".."]).group]) assert.match(group, /^[A-Za-z0-9_][^/]{0,199}$/);
  });

  it("is a Mac's by its path", () => {
    assert.deepEqual(
      ["darwinConfigurations.book", "packages.aarch64-darwin.x", "packages.x86_64-linux.x", "nixosConfigurations.d"]
        .map(parseAttribute)
        .map(isDarwin),
      [true, true, false, false],
    );
  });
});
