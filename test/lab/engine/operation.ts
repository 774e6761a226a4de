/** The shapes of one Pulumi operation: what is asked, what comes back, what passes between parent and child. */

/** What the engine can be asked to do. */
export type OperationName = "preview" | "up" | "refresh" | "destroy" | "outputs" | "export";

/** A stack setting: any JSON value; `secret` ones must be texts and are stored encrypted. */
export interface ConfigSetting {
  value: unknown;
  secret?: boolean;
}

/** Variations of an operation; each is off unless said. */
export interface OperationOptions {
  /** Ask the providers what is really there first (preview, up, destroy). */
  refresh?: boolean;
  /** Run the program in destroy and refresh too: for resource hooks and credentials that the program gives. */
  runProgram?: boolean;
  /** Fail when anything would change (preview), or changed (up). */
  expectNoChanges?: boolean;
  /** How many resources at once; the engine's own default otherwise. */
  parallel?: number;
  /** URNs to limit the operation to. */
  target?: string[];
  /** Show what differs in each resource. */
  diff?: boolean;
}

/** One step of a plan or of what was done: `op` is Pulumi's word (create, update, same, delete, replace, …). */
export interface Step {
  op: string;
  urn: string;
  type: string;
  /** Names of the inputs that differ. */
  diffs: string[];
}

/** Something the engine or a provider said. */
export interface Diagnostic {
  severity: "info" | "info#err" | "warning" | "error";
  message: string;
  urn?: string;
}

/** What an operation came to. Never thrown: a failed one has `ok: false` and says why in `message`. */
export interface OperationResult {
  ok: boolean;
  /** Why it failed, in one text for the user; empty when it did not. */
  message: string;
  /** Steps by kind, such as {create: 3, same: 2}. */
  changeSummary: Record<string, number>;
  steps: Step[];
  /** The program's exports; of `preview` none. Secrets are plain here. */
  outputs: Record<string, { value: unknown; secret: boolean }>;
  /** The checkpoint, of `export` only; secrets are encrypted in it. */
  deployment?: unknown;
  stdout: string;
  stderr: string;
  seconds: number;
  diagnostics: Diagnostic[];
}

/** What the parent sends to its child, over their private channel. */
export interface ChildRequest {
  /** The engine's executable. */
  engine: string;
  /** Folder with home/, state/ and work/ of this instance. */
  folder: string;
  project: string;
  /** Absolute path of the program's module. */
  program: string;
  /** Folder that relative paths in the program mean. */
  root: string;
  stack: string;
  operation: OperationName;
  config: Record<string, ConfigSetting>;
  options: OperationOptions;
}

/** What the child sends back; the last is a result. Lines go over its stdout and stderr. */
export type ChildMessage = Omit<OperationResult, "seconds" | "stdout" | "stderr">;
