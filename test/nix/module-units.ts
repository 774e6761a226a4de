/** Units as systemd reads them, from a module's configuration: what NixOS writes, as far as systemd judges it. */
import { at, type Evaluated, type Json } from "./module-nix.ts";

/** Unit files' texts by file name, of the services and timers whose names begin with `nix-binary-cache-`. */
export function unitsOf(config: Evaluated["config"]): ReadonlyMap<string, string> {
  const units = new Map<string, string>();
  for (const [name, service] of ours(config, "services")) {
    const unit = { Description: at(service, "description"), After: at(service, "after"), Wants: at(service, "wants") };
    const environment = Object.entries(fields(at(service, "environment"))).map(
      ([key, value]) => `${key}=${shown(value)}`,
    );
    const settings = { Environment: environment, ...fields(at(service, "serviceConfig")) };
    units.set(`${name}.service`, sections({ Unit: unit, Service: settings }));
  }
  for (const [name, timer] of ours(config, "timers")) {
    units.set(`${name}.timer`, sections({ Timer: fields(at(timer, "timerConfig")) }));
  }
  return units;
}

function ours(config: Evaluated["config"], kind: string): [string, Json][] {
  return Object.entries(fields(at(config, "systemd", kind))).filter(([name]) => name.startsWith("nix-binary-cache-"));
}

function fields(value: Json | undefined): Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : {};
}

type Section = Readonly<Record<string, Json | undefined>>;

function sections(all: Readonly<Record<string, Section>>): string {
  const texts = Object.entries(all).map(([name, settings]) => [`[${name}]`, ...linesOf(settings)].join("\n"));
  return `${texts.join("\n\n")}\n`;
}

/** A list is a line each, as NixOS writes it. */
function linesOf(settings: Section): string[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    if (value === undefined || value === null) return [];
    const values: readonly Json[] = Array.isArray(value) ? (value as readonly Json[]) : [value];
    return values.map((one) => `${key}=${shown(one)}`);
  });
}

function shown(value: Json): string {
  if (typeof value === "object") throw new Error(`no unit has a value such as ${JSON.stringify(value)}`);
  return String(value);
}
