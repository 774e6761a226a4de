import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { list, statusOf } from "../lib/folder.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** What was set aside because it can't be uploaded: `TIME.NAME`, with the reason in `TIME.NAME.reason`. */
export class Rejects {
  readonly #folder: string;

  /** @param folder `QUEUE/rejected` */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. Throws an Error when it can't be made. */
  prepare(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o755 });
  }

  names(): readonly string[] {
    return list(this.#folder).filter((name) => !name.endsWith(".reason"));
  }

  /** Why something was set aside. */
  reasonOf(name: string): string {
    try {
      return readFileSync(join(this.#folder, `${name}.reason`), "utf8")
        .trim()
        .slice(0, 500);
    } catch {
      return "the reason could not be written down";
    }
  }

  /** Takes a file in under a name that is safe to show and to type. */
  setAside(file: string, name: string, reason: string): void {
    const target = this.#freeName(name.replaceAll(/[^0-9A-Za-z._-]/g, "_").slice(0, 150));
    renameSync(file, target);
    try {
      replaceFile(`${target}.reason`, `${reason}\n`, 0o644);
    } catch {
      // A full disk: that it was set aside is worth more than why, and the log has it.
    }
  }

  /** Moves something to a folder, by the name that it had. Throws an Error when there is nothing of that name. */
  putBack(name: string, folder: string): void {
    renameSync(join(this.#folder, name), join(folder, name.replace(/^\d+\./, "")));
    rmSync(join(this.#folder, `${name}.reason`), { force: true });
  }

  /** Two odd names may come to the same, in the same millisecond; the second takes the next. */
  #freeName(safe: string): string {
    let at = Date.now();
    const target = (): string => join(this.#folder, `${at}.${safe}`);
    while (statusOf(target()) !== undefined) at += 1;
    return target();
  }
}
