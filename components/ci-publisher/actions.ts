/**
 * The actions that the workflow uses, pinned by commit: a tag can be moved, a commit cannot. To update one, take the
 * commit that its release's tag points at, and change both fields.
 */

/** A pinned action: `uses: name@commit # version`. */
export interface Action {
  readonly name: string;
  readonly commit: string;
  readonly version: string;
}

export const checkout: Action = {
  name: "actions/checkout",
  commit: "3d3c42e5aac5ba805825da76410c181273ba90b1",
  version: "v7.0.1",
};

export const tailscale: Action = {
  name: "tailscale/github-action",
  commit: "780049a30b6ff5c378a9e7b389d15ece7a204888",
  version: "v4.1.3",
};

export const installNix: Action = {
  name: "cachix/install-nix-action",
  commit: "630ae543ea3a38a9a4166f03376c02c50f408342",
  version: "v31.11.0",
};

/** The Tailscale client. Named, because on macOS it is compiled, and kept in GitHub's cache under this version. */
export const tailscaleVersion = "1.94.2";
