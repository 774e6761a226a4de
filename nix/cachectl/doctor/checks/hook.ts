import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../check.ts";
import { nixConfig } from "../facts/nix-config.ts";
import { failure, ok, warning, type Verdict } from "../finding.ts";

export const hookCheck: Check = {
  name: "hook",
  roles: ["builder"],
  run: async (machine) => {
    const configured = (await nixConfig(machine)).text("post-build-hook") ?? "";
    const shipped = textOf(join(machine.places.library, "hook", "upload-hook.sh"));
    return judgeHook(configured, configured === "" ? undefined : hookFile(configured), shipped);
  },
};

/** A hook's file as it lies there. */
export interface HookFile {
  readonly text: string;
  readonly executable: boolean;
}

function hookFile(file: string): HookFile | undefined {
  const status = statSync(file, { throwIfNoEntry: false });
  const text = textOf(file);
  return status === undefined || text === undefined ? undefined : { text, executable: (status.mode & 0o111) !== 0 };
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

const install = "pulumi up (install: ssh), or import the builder module and rebuild; then restart the Nix daemon";

/** `configured`: what Nix runs; `shipped`: the hook that came with this cachectl, where a copy of it is installed. */
export function judgeHook(configured: string, file: HookFile | undefined, shipped: string | undefined): Verdict {
  if (configured === "") return failure("Nix runs no post-build hook: nothing that is built here is uploaded", install);
  if (file === undefined) {
    return failure(`Nix runs ${configured}, which is not there: every build stops after its first step`, install);
  }
  if (!file.executable) {
    return failure(
      `Nix runs ${configured}, which is not executable: every build stops after its first step`,
      `sudo chmod 755 ${configured}`,
    );
  }
  if (!file.text.includes("nix-binary-cache")) {
    return failure(
      `Nix runs ${configured}, which is not ours: nothing is queued`,
      `call it as our hook's next one, and ${install}`,
    );
  }
  if (shipped !== undefined && shipped !== file.text) {
    return warning(`${configured} is of another version than cachectl`, install);
  }
  return ok(`${configured} is the one that Nix runs`);
}
