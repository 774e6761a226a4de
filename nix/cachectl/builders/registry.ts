import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isBuilderName, parseBuilder, type Builder } from "./builder.ts";

/** The folder of registrations, one file a builder. */
function registryOf(stateDirectory: string): string {
  return join(stateDirectory, "builders");
}

/** The file of a builder's registration; `name` is a checked name. */
export function registrationFile(stateDirectory: string, name: string): string {
  return join(registryOf(stateDirectory), `${name}.json`);
}

/** Whether a builder is registered at this moment. */
export function isRegistered(stateDirectory: string, name: string): boolean {
  return existsSync(registrationFile(stateDirectory, name));
}

/**
 * The registered builders by name. None when there is no folder yet; throws an Error that names the file when one is
 * not a registration, since a builder that is left out would be refused, or not revoked, without a reason.
 */
export function readBuilders(stateDirectory: string): Builder[] {
  const directory = registryOf(stateDirectory);
  return fileNames(directory)
    .filter((file) => file.endsWith(".json") && isBuilderName(file.slice(0, -".json".length)))
    .sort()
    .map((file) => readBuilder(join(directory, file), file.slice(0, -".json".length)));
}

function readBuilder(file: string, name: string): Builder {
  const parsed = parseBuilder(parseJson(readFileSync(file, "utf8")));
  if ("problems" in parsed) throw new Error(`${file} is no registration: ${parsed.problems.join("; ")}`);
  if (parsed.builder.name !== name)
    throw new Error(`${file} registers ${parsed.builder.name}: rename it or add it anew`);
  return parsed.builder;
}

function fileNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
