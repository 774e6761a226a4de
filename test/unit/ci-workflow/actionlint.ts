/** actionlint at one version: older ones do not know today's runners. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const version = "v1.7.12";
const module = `github.com/rhysd/actionlint/cmd/actionlint@${version}`;
/** The version's own folder among the project's tools, so that another version's program is not in the way. */
const folder = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"),
  "nix-binary-cache",
  "tools",
  `actionlint-${version}`,
);

/** The first executable of this name in the folders. */
export function find(
  tool: string,
  folders: readonly string[] = (process.env.PATH ?? "").split(delimiter),
): string | undefined {
  return folders
    .map((dir) => join(dir, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The program, installed from its Go module where it is not there yet; or why there is none. */
export function actionlint(): { readonly program: string } | { readonly missing: string } {
  const installed = find("actionlint", [folder]) ?? onPath();
  if (installed !== undefined) return { program: installed };
  const go = find("go") ?? find("go", ["/usr/local/go/bin"]);
  if (go === undefined) return { missing: `neither actionlint ${version} nor Go is installed` };
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
  const { stderr } = spawnSync(go, ["install", module], { env, encoding: "utf8", timeout: 240_000 });
  const program = find("actionlint", [folder]);
  return program === undefined ? { missing: `go install ${module} failed: ${lastLine(stderr)}` } : { program };
}

function onPath(): string | undefined {
  const program = find("actionlint");
  if (program === undefined) return undefined;
  const { stdout } = spawnSync(program, ["-version"], { encoding: "utf8", timeout: 10_000 });
  return [version, version.slice(1)].includes(stdout.split("\n")[0] ?? "") ? program : undefined;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
