/** What is installed on a builder, as one digest: a change of any file makes the next update install again. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const folders = ["../../nix/cachectl", "../../nix/hook", "../../nix/services"];
const files = ["./install.sh", "./install-over-ssh.sh"];

/** SHA-256 over names and contents, in the order of the names; hexadecimal. */
export function payloadDigest(): string {
  const hash = createHash("sha256");
  const add = (name: string, path: string): void => {
    hash.update(`${name}\0`).update(createHash("sha256").update(readFileSync(path)).digest());
  };
  for (const folder of folders) {
    const root = fileURLToPath(new URL(folder, import.meta.url));
    for (const entry of filesUnder(root)) add(`${folder}/${entry}`, join(root, entry));
  }
  for (const file of files) add(file, fileURLToPath(new URL(file, import.meta.url)));
  return hash.digest("hex");
}

function filesUnder(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}
