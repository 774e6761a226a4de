/** What the stand-in of GitHub knows, kept in one JSON file. */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";

/** A variable or the sealed box of a secret; times are ISO 8601. */
export interface Entry {
  value: string;
  created: string;
  updated: string;
}

/** Curve25519 key pair for sealed boxes, each half base64. */
export interface KeyPair {
  id: string;
  publicKey: string;
  privateKey: string;
}

/** Variables and secrets, of a repository or of an environment; names are upper case. */
export interface Vault {
  keys: KeyPair;
  variables: Record<string, Entry>;
  secrets: Record<string, Entry>;
}

/** Which branches or tags may deploy. */
export interface BranchPolicy {
  protected_branches: boolean;
  custom_branch_policies: boolean;
}

/** An environment of a repository. */
export interface Environment extends Vault {
  id: number;
  created: string;
  updated: string;
  waitTimer: number;
  canAdminsBypass: boolean;
  preventSelfReview: boolean;
  reviewers: { type: string; id: number }[];
  branchPolicy: BranchPolicy | null;
  policies: { id: number; name: string; type: string }[];
}

/** A commit; `files` is its whole tree, path → blob sha. */
export interface Commit {
  message: string;
  author: { name: string; email: string; date: string };
  committer: { name: string; email: string; date: string };
  parents: string[];
  files: Record<string, string>;
}

/** A pull request. */
export interface Pull {
  number: number;
  title: string;
  body: string;
  head: string;
  base: string;
  state: "open" | "closed";
}

/** A repository. */
export interface Repository extends Vault {
  id: number;
  owner: string;
  name: string;
  private: boolean;
  defaultBranch: string;
  created: string;
  /** Claim keys of the OIDC subject, null for GitHub's default; whether the subject holds immutable ids. */
  subject: { claims: string[] | null; immutable: boolean };
  environments: Record<string, Environment>;
  branches: Record<string, string>;
  commits: Record<string, Commit>;
  blobs: Record<string, string>;
  pulls: Pull[];
}

/** What a token may do: scopes such as "repo" and "workflow". */
export interface Token {
  login: string;
  scopes: string[];
}

/** A failure to inject: the next `times` requests that match are answered so. */
export interface Fault {
  method: string;
  /** Regular expression on the path after the API's root, such as "actions/secrets". */
  path: string;
  status: number;
  times: number;
  message?: string;
  /** Wait before answering, in milliseconds. */
  delayMs?: number;
}

/** Everything. */
export interface GithubState {
  /** "free": no protection rules in private repositories. */
  plan: "free" | "pro";
  ownerId: number;
  nextId: number;
  /** By the token's SHA-256. */
  tokens: Record<string, Token>;
  repositories: Record<string, Repository>;
  faults: Fault[];
  /** Every request, oldest first, as "METHOD path → status". */
  requests: string[];
}

/** Keeps the newest requests only. */
const MAX_REQUESTS = 2000;

/** The state with its file; every change is written whole, by rename. */
export class Store {
  readonly state: GithubState;
  readonly #path: string;

  constructor(path: string, initial: GithubState) {
    this.#path = path;
    this.state = readState(path) ?? initial;
  }

  save(): void {
    this.state.requests.splice(0, this.state.requests.length - MAX_REQUESTS);
    const temporary = `${this.#path}.${randomBytes(4).toString("hex")}`;
    writeFileSync(temporary, JSON.stringify(this.state, undefined, 1), { mode: 0o600 });
    renameSync(temporary, this.#path);
  }

  /** A number that was not used yet. */
  nextId(): number {
    this.state.nextId += 1;
    return this.state.nextId;
  }
}

/** The state in the file at `path`; undefined when there is none. */
export function readState(path: string): GithubState | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as GithubState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
