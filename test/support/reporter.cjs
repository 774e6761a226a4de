"use strict";
// mocha's own spec reporter, which also leaves mocha's counts where scripts/test.ts reads them.
const { writeFileSync } = require("node:fs");
const Spec = require("mocha").reporters.Spec;

module.exports = class SpecWithCounts extends Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.MOCHA_STATS)
        writeFileSync(process.env.MOCHA_STATS, JSON.stringify({ passes, failures, pending }));
    });
  }
};
