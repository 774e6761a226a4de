/** Downloads the pinned official release of the Pulumi engine, with its language host for Node. */
import { createWriteStream } from "node:fs";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { withProgress, type OnLine } from "./progress.ts";
import { ENGINE_VERSION } from "./version.ts";

/** What runs a program in Node for Pulumi's own command; a build of the engine's module has none. */
export const LANGUAGE_HOST = "pulumi-language-nodejs";

/** Time until the server answers, in milliseconds; where it is out of reach the next way is tried. */
const ANSWER_MS = 5000;
/** Time for the whole download of about 100 MB. */
const DOWNLOAD_MS = 15 * 60_000;

function releaseUrl(): string {
  const machine = process.arch === "arm64" ? "arm64" : "x64";
  return `https://get.pulumi.com/releases/sdk/pulumi-v${ENGINE_VERSION}-${process.platform}-${machine}.tar.gz`;
}

/** Downloads and unpacks the engine into `folder`; gives its path, or undefined when the release is out of reach. */
export async function downloadRelease(folder: string, onLine: OnLine): Promise<string | undefined> {
  const url = releaseUrl();
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: AbortSignal.any([abort.signal, AbortSignal.timeout(DOWNLOAD_MS)]) });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`it answered ${response.status}`);
    const body = Readable.fromWeb(response.body);
    await withProgress(`downloading Pulumi ${ENGINE_VERSION}`, onLine, () => unpack(body, folder));
    return join(folder, "pulumi");
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    onLine(`Pulumi's release at ${url} is out of reach: ${cause instanceof Error ? cause.message : String(cause)}`);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

async function unpack(body: Readable, folder: string): Promise<void> {
  const archive = join(folder, "release.tar.gz");
  await pipeline(body, createWriteStream(archive));
  const members = ["pulumi", LANGUAGE_HOST].map((name) => `pulumi/${name}`);
  const args = ["-xzf", archive, "-C", folder, "--strip-components=1", ...members];
  await promisify(execFile)("tar", args, { timeout: 120_000 });
}
