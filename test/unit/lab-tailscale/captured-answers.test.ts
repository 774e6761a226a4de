import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { type CapturedCase, answerCase, readCases } from "../../lab/tailscale/judge.ts";

const FILE = join(import.meta.dirname, "../../../../shared/api/tailnet-policy-answers.json");

function expected(captured: CapturedCase): unknown {
  return captured.response;
}

describe("the stand-in's judgement, held to what Tailscale answered", () => {
  if (!existsSync(FILE)) {
    it("answers every captured case (skipped: ../shared/api/tailnet-policy-answers.json is absent)", function () {
      this.skip();
    });
    return;
  }
  for (const captured of readCases(FILE)) {
    it(`answers ${captured.id} as Tailscale does`, () => {
      const { code, body } = answerCase(captured);
      assert.deepEqual(code === 200 ? { code } : { code, body }, expected(captured));
    });
  }
});
