/** The stack `lab`: Pulumi.lab.yaml with what only the running lab knows. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { nixVars, type NixVars, cacheUrl } from "../../../components/client-settings/index.ts";
import { parseConfig, type StackConfig } from "../../../components/config.ts";
import type { ConfigSetting } from "../engine/operation.ts";
import { type MachineName } from "../instance.ts";
import type { Machine } from "../machines/machine.ts";
import type { OperatorSecrets } from "./operator.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const PROJECT = "nix-binary-cache";

/** Settings by their key without the project, such as `server`. */
export type Settings = Readonly<Record<string, unknown>>;

type Named = Readonly<Record<string, unknown>> & { readonly name: MachineName };

/** What Pulumi.lab.yaml holds. */
function written(): Settings {
  const { config } = parse(readFileSync(join(ROOT, "Pulumi.lab.yaml"), "utf8")) as { readonly config: Settings };
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key.slice(PROJECT.length + 1), value]));
}

/** The stack's settings, with the machines' addresses and host keys put in. */
export async function labSettings(machines: Readonly<Record<MachineName, Machine>>): Promise<Settings> {
  const settings = written();
  const located = async (entry: Named): Promise<object> => ({
    ...entry,
    address: machines[entry.name].address,
    hostKey: await machines[entry.name].hostKey(),
  });
  return {
    ...settings,
    server: await located(settings.server as Named),
    builders: await Promise.all((settings.builders as Named[]).map(located)),
    clients: (settings.clients as Named[]).map((entry) => ({ ...entry, address: machines[entry.name].address })),
  };
}

/** Settings and secrets as the engine is given them. */
export function engineConfig(settings: Settings, secrets: OperatorSecrets): Record<string, ConfigSetting> {
  const { deployKey, ciSigningKey, ciSshKey } = secrets;
  const secret = Object.entries({ deployKey, ciSigningKey, ciSshKey });
  return {
    ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, { value }])),
    ...Object.fromEntries(secret.map(([key, value]) => [key, { value, secret: true }])),
  };
}

/** The settings as the program itself reads them. @throws ConfigError */
export function parsedSettings(settings: Settings): StackConfig {
  return parseConfig(settings, new Set(["deployKey", "ciSigningKey", "ciSshKey"]), "lab");
}

/** The vars that the server's first configuration is made with: the signing keys are not there yet. */
export function firstVars(settings: Settings, stack = "lab"): NixVars {
  const config = parsedSettings(settings);
  return nixVars(stack, config, cacheUrl(config), []);
}

/**
 * Settings of a second environment in the same tailnet: its server is the desktop, its only reader the Mac. It has tags
 * of its own, which is all that tells two stacks apart.
 */
export async function secondStack(machines: Readonly<Record<MachineName, Machine>>): Promise<Settings> {
  const { address } = machines.desktop;
  return {
    server: {
      ...{ name: "desktop", address, hostKey: await machines.desktop.hostKey() },
      ...{ flake: "path:/etc/nixos", configuration: "server" },
    },
    clients: [{ name: "macbook", system: "aarch64-darwin", address: machines.macbook.address }],
    cache: { upstreams: [] },
    tailnet: { tagServer: true, tags: { cache: "tag:second-cache", ci: "tag:second-ci" } },
  };
}
