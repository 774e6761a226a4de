/** What a closure brought: its size, what is new in it, and what of that only this cache has. */
import { lastWords, run } from "../lib/run.ts";
import { queryStore } from "../receive/store-query.ts";

export interface ClosureFacts {
  readonly closureBytes: number;
  readonly newBytes: number;
  /** New paths that no upstream signed: clients fetch them from here. */
  readonly ours: readonly string[];
}

export interface StoreReader {
  /** `nix-store`, by its full path. */
  readonly program: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stop: AbortSignal;
}

const longest = 5 * 60_000;

/**
 * Looks at the closure of `paths`. Throws an Error when Nix fails.
 *
 * @param before paths whose closure is not new; those that are gone are left out
 * @param upstreamKeys names of the keys that upstreams sign with
 */
export async function closureFacts(
  store: StoreReader,
  paths: readonly string[],
  before: readonly string[],
  upstreamKeys: ReadonlySet<string>,
): Promise<ClosureFacts> {
  const closure = await requisites(store, paths);
  const old = new Set(before.length === 0 ? [] : await requisites(store, before).catch(() => []));
  let [closureBytes, newBytes] = [0, 0];
  const ours: string[] = [];
  const access = { program: store.program, environment: store.env, timeout: longest };
  await queryStore(access, closure, ({ path, narSize, signatures }) => {
    closureBytes += narSize;
    if (old.has(path)) return;
    newBytes += narSize;
    if (!signatures.some((signature) => upstreamKeys.has(signature.split(":")[0] ?? ""))) ours.push(path);
  });
  return { closureBytes, newBytes, ours };
}

async function requisites({ program, env, stop }: StoreReader, paths: readonly string[]): Promise<string[]> {
  const result = await run(program, ["--query", "--requisites", ...paths], { env, timeout: longest, stop });
  if (result.status !== 0) throw new Error(`asking for the closure: ${lastWords(result)}`);
  return result.stdout.split("\n").filter((line) => line !== "");
}
