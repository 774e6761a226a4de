/** Where a flake comes from: what populate keeps a clone of, and what it leaves to Nix. */

/** A flake in git, cloned and fetched by populate itself. */
export interface GitSource {
  readonly kind: "git";
  /** As git takes it. */
  readonly url: string;
  /** A branch or tag; undefined: the remote's HEAD. */
  readonly ref: string | undefined;
  /** A commit that is built whatever the branch does. */
  readonly rev: string | undefined;
  /** The flake's folder in the repository; "" for its top. */
  readonly dir: string;
  readonly submodules: boolean;
}

/** Anything else, a folder above all: used where it is, as Nix resolves it. */
export interface PlainSource {
  readonly kind: "plain";
  readonly reference: string;
}

/** Forges that Nix has a short form for, and the host each stands for. */
const forges: ReadonlyMap<string, string> = new Map([
  ["github", "github.com"],
  ["gitlab", "gitlab.com"],
]);

const commit = /^[0-9a-f]{40}$/;

/**
 * Takes a flake reference apart.
 *
 * @param withKey there is a deploy key: a forge is then asked over ssh, which is what the key is for
 */
export function flakeSource(reference: string, withKey: boolean): GitSource | PlainSource {
  const [place = "", query = ""] = reference.split("?", 2);
  const parameters = new URLSearchParams(query);
  const forge = /^(\w+):([^/]+)\/([^/]+)(?:\/(.+))?$/.exec(place);
  const host = parameters.get("host") ?? forges.get(forge?.[1] ?? "");
  if (forge !== null && host !== undefined && forges.has(forge[1] ?? "")) {
    const [, , owner = "", repository = "", named] = forge;
    const path = `${decodeURIComponent(owner)}/${decodeURIComponent(repository)}.git`;
    const url = withKey ? `ssh://git@${host}/${path}` : `https://${host}/${path}`;
    return git(url, parameters, named && decodeURIComponent(named));
  }
  const url = /^git\+((?:ssh|https?|file|git):.+)$/.exec(place)?.[1];
  return url === undefined ? { kind: "plain", reference } : git(url, parameters);
}

function git(url: string, parameters: URLSearchParams, named?: string): GitSource {
  const isCommit = named !== undefined && commit.test(named);
  return {
    kind: "git",
    url,
    ref: parameters.get("ref") ?? (isCommit ? undefined : named),
    rev: parameters.get("rev") ?? (isCommit ? named : undefined),
    dir: parameters.get("dir") ?? "",
    submodules: parameters.get("submodules") === "1",
  };
}
