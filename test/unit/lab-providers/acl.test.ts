import assert from "node:assert/strict";
import { samePolicy } from "../../lab/providers/tailscale/acl.ts";

describe("the double's comparison of policies", () => {
  it("ignores white space and trailing commas, as hujson.Format does", () => {
    assert.ok(samePolicy('{"a": [1, 2,], // why\n}', '{\n\t"a":[1,2], // why\n}'));
  });

  it("counts comments, order and values", () => {
    assert.ok(!samePolicy('{"a": 1} // x', '{"a": 1}'));
    assert.ok(!samePolicy('{"a": 1, "b": 2}', '{"b": 2, "a": 1}'));
    assert.ok(!samePolicy('{"a": "x y"}', '{"a": "xy"}'));
  });
});
