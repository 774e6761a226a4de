/** actionlint, among the project's tools or on PATH, or installed there from its Go module where Go is. */
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const tools = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "nix-binary-cache", "tools");
const module = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7";

function find(tool: string, folders: readonly string[]): string | undefined {
  return folders
    .map((folder) => join(folder, tool))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** The program; undefined where there is neither it nor a Go that could fetch it within three minutes. */
export function actionlint(): string | undefined {
  const path = (process.env.PATH ?? "").split(delimiter);
  const found = find("actionlint", [tools, ...path]);
  if (found !== undefined) return found;
  const go = find("go", [...path, "/usr/local/go/bin"]);
  if (go === undefined) return undefined;
  mkdirSync(tools, { recursive: true });
  const env = { ...process.env, GOBIN: tools, GOFLAGS: "-mod=mod" };
  spawnSync(go, ["install", module], { env, stdio: "ignore", timeout: 180_000 });
  return find("actionlint", [tools]);
}
