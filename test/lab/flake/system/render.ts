/** Builds a lab system's store path out of the evaluated configuration. Runs as a derivation's builder. */
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";

interface System {
  readonly outputs: { readonly out: string };
  readonly etc: Readonly<Record<string, { readonly text?: string; readonly source?: string; readonly mode?: string }>>;
  readonly units: Readonly<Record<string, { readonly text: string; readonly wantedBy: readonly string[] }>>;
  readonly users: object;
  readonly groups: object;
  readonly tmpfiles: readonly string[];
  readonly packages: readonly string[];
  readonly unitPackages: readonly string[];
  /** The program that switches to it. */
  readonly activate: string;
}

const system = JSON.parse(readFileSync(process.env.NIX_ATTRS_JSON_FILE ?? ".attrs.json", "utf8")) as System;
const { out } = system.outputs;

function write(path: string, text: string, mode = 0o444): void {
  const at = join(out, path);
  mkdirSync(dirname(at), { recursive: true });
  writeFileSync(at, text);
  chmodSync(at, mode);
}

function link(target: string, path: string): void {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  symlinkSync(target, join(out, path));
}

for (const [name, { text, source }] of Object.entries(system.etc)) {
  if (text !== undefined) write(join("etc", name), text);
  else if (source !== undefined) link(source, join("etc", name));
}
const folder = "etc/systemd/system";
// A package's units come first; what the configuration says of one of them is added to it, as a drop-in.
const packaged = new Set<string>();
for (const root of system.unitPackages) {
  const units = join(root, "lib/systemd/system");
  for (const name of existsSync(units) ? readdirSync(units) : []) {
    packaged.add(name);
    link(join(units, name), join(folder, name));
  }
}
for (const [name, { text, wantedBy }] of Object.entries(system.units)) {
  write(packaged.has(name) ? join(folder, `${name}.d`, "overrides.conf") : join(folder, name), text);
  for (const target of wantedBy) link(`../${name}`, join(folder, `${target}.wants`, name));
}
write("tmpfiles.conf", `${system.tmpfiles.join("\n")}\n`);
write("accounts.json", JSON.stringify({ users: system.users, groups: system.groups }));
mkdirSync(join(out, "sw/bin"), { recursive: true });
for (const root of system.packages) {
  for (const name of readdirSync(join(root, "bin"))) link(join(root, "bin", name), join("sw/bin", name));
}
const node = "/usr/local/bin/node --disable-warning=ExperimentalWarning";
write("bin/switch-to-configuration", `#!/bin/sh\nexec ${node} ${system.activate} ${out} "$@"\n`, 0o555);
