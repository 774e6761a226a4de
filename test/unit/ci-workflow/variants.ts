/** Every shape of workflow that a configuration can ask for. */
import type { WorkflowSettings } from "../../../components/ci-publisher/index.ts";

export const settings: WorkflowSettings = {
  stack: "dev",
  auth: "oauth-client",
  ssh: "openssh",
  environment: "nix-cache",
  branch: "main",
  runner: "macos-15",
  schedule: "0 4 * * 0",
  paths: ["home/**", "system/**", "flake.nix", "flake.lock"],
  outputs: ["darwinConfigurations.macbook.system"],
};

const three = [
  "darwinConfigurations.macbook.system",
  'darwinConfigurations."studio.local".system',
  "packages.aarch64-darwin.a",
];

export const variants: readonly WorkflowSettings[] = (["oauth-client", "workload-identity"] as const).flatMap((auth) =>
  (["openssh", "tailscale"] as const).flatMap((ssh) =>
    (["nix-cache", undefined] as const).flatMap((environment) =>
      [settings.outputs, three].map((outputs) => ({ ...settings, auth, ssh, environment, outputs })),
    ),
  ),
);

/** A variant in a few words. */
export function title({ auth, ssh, environment, outputs }: WorkflowSettings): string {
  return `${auth}, ${ssh}, ${environment === undefined ? "no environment" : "environment"}, ${outputs.length} output(s)`;
}
