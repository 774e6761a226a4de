import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { renderWorkflow, workflowPath } from "../../../components/ci-publisher/index.ts";
import { compareWorkflow, workflowDigest } from "../../../components/ci-publisher/workflow.ts";
import { type Job, parseWorkflow, type WorkflowStep } from "./runner.ts";
import { settings, title, variants } from "./variants.ts";

function job(text: string): Job {
  return parseWorkflow(text).jobs.build;
}

function step(text: string, name: string): WorkflowStep {
  const found = job(text).steps.find((candidate) => candidate.name === name);
  assert.ok(found, `there is a step "${name}"`);
  return found;
}

describe("the CI workflow", () => {
  it("runs on pushes to the branch that touch the paths, weekly, and by hand, and on nothing else", () => {
    const { on } = parseWorkflow(renderWorkflow(settings));
    assert.deepEqual(on, {
      push: { branches: ["main"], paths: ["home/**", "system/**", "flake.nix", "flake.lock"] },
      schedule: [{ cron: "0 4 * * 0" }],
      workflow_dispatch: null,
    });
  });

  for (const variant of variants) {
    describe(title(variant), () => {
      const text = renderWorkflow(variant);

      it("connects before it builds, and publishes in the order of any builder", () => {
        const names = job(text).steps.map(({ name }) => name);
        assert.deepEqual(names, [
          "Check out",
          "Join the tailnet",
          "Repair DNS",
          "Connect to the cache",
          "Install Nix",
          "Build",
          "Sign",
          "Announce",
          "Copy",
          "Commit",
          "Finish",
        ]);
      });

      it("pins every action by commit, with its version beside", () => {
        const pinned = text.split("\n").filter((line) => line.includes("uses:"));
        assert.equal(pinned.length, 3);
        for (const line of pinned) assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
      });

      it("runs for its own branch in its own repository only", () => {
        assert.equal(job(text).if, "github.event.repository.fork == false && github.ref == 'refs/heads/main'");
        assert.equal(job(text).environment, variant.environment);
        assert.doesNotMatch(text, /pull_request|workflow_run/);
      });

      it("may read the contents, and ask for an identity only when that is how it joins", () => {
        const identity = variant.auth === "workload-identity" ? { "id-token": "write" } : {};
        assert.deepEqual(parseWorkflow(text).permissions, { contents: "read" });
        assert.deepEqual(job(text).permissions, { contents: "read", ...identity });
        assert.equal(step(text, "Check out").with?.["persist-credentials"], false);
      });

      it("names exactly the secrets that it needs, each in the one step that needs it", () => {
        const named = job(text).steps.flatMap(({ name, ...rest }) =>
          [...JSON.stringify(rest).matchAll(/secrets\.(\w+)/g)].map(([, secret]) => `${name}: ${secret}`),
        );
        const expected = [
          ...(variant.auth === "oauth-client"
            ? ["Join the tailnet: TS_OAUTH_CLIENT_ID", "Join the tailnet: TS_OAUTH_SECRET"]
            : []),
          ...(variant.ssh === "openssh" ? ["Connect to the cache: NIX_CACHE_SSH_KEY"] : []),
          "Sign: NIX_CACHE_SIGNING_KEY",
        ];
        assert.deepEqual(named, expected);
      });

      it("builds each output in a job of its own, with limits of time", () => {
        const { strategy, "timeout-minutes": limit } = job(text);
        assert.deepEqual(strategy, { "fail-fast": false, matrix: { output: variant.outputs } });
        assert.equal(limit, 120);
        assert.equal(step(text, "Build").env?.NIX_CACHE_OUTPUT, "${{ matrix.output }}");
      });

      it("never puts an expression into a program's text", () => {
        for (const { name, run } of job(text).steps) assert.doesNotMatch(run ?? "", /\$\{\{/, name);
      });
    });
  }

  it("joins with the stored secret, or with GitHub's identity and no secret", () => {
    assert.deepEqual(step(renderWorkflow(settings), "Join the tailnet").with, {
      "oauth-client-id": "${{ secrets.TS_OAUTH_CLIENT_ID }}",
      "oauth-secret": "${{ secrets.TS_OAUTH_SECRET }}",
      tags: "${{ vars.NIX_CACHE_TAG }}",
      version: "1.94.2",
    });
    assert.deepEqual(step(renderWorkflow({ ...settings, auth: "workload-identity" }), "Join the tailnet").with, {
      "oauth-client-id": "${{ vars.TS_OAUTH_CLIENT_ID }}",
      audience: "${{ vars.TS_AUDIENCE }}",
      tags: "${{ vars.NIX_CACHE_TAG }}",
      version: "1.94.2",
    });
  });

  it("uses the cache as a further substituter, and builds on without it", () => {
    const config = step(renderWorkflow(settings), "Install Nix").with?.extra_nix_config;
    assert.equal(
      config,
      "extra-substituters = ${{ vars.NIX_CACHE_URL }}\n" +
        "extra-trusted-public-keys = ${{ vars.NIX_CACHE_PUBLIC_KEYS }}\n" +
        "connect-timeout = 5\nfallback = true\nnarinfo-cache-negative-ttl = 60\n",
    );
  });

  it("lets a running job finish when a newer push comes", () => {
    const { concurrency } = parseWorkflow(renderWorkflow(settings));
    assert.deepEqual(concurrency, { group: "nix-cache-${{ github.ref }}", "cancel-in-progress": false });
  });

  it("quotes what an old YAML reader would take for a truth value", () => {
    assert.match(renderWorkflow(settings), /GOWORK: "off"/);
  });

  it("is the same text for the same settings, and says where it came from", () => {
    assert.equal(renderWorkflow(settings), renderWorkflow({ ...settings }));
    assert.match(renderWorkflow(settings), /^# Generated by nix-binary-cache .* for the stack dev\.\n/);
  });

  it("lives in a file named like its environment", () => {
    assert.equal(workflowPath("nix-cache"), ".github/workflows/nix-cache.yml");
  });
});

describe("comparing the repository's workflow with the rendered one", () => {
  const text = renderWorkflow(settings);
  for (const [existing, expected] of [
    [undefined, "missing"],
    [text, "same"],
    [renderWorkflow({ ...settings, runner: "macos-26" }), "differs"],
    ["name: mine\n", "foreign"],
  ] as const) {
    it(`says ${expected}`, () => {
      assert.equal(compareWorkflow(workflowDigest(text), existing), expected);
    });
  }
});
