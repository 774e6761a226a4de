/** What a double of a provider package declares; `serve.ts` runs it behind Pulumi's plugin protocol. */
import type { Failure, ObjectTypes, Properties } from "./table.ts";
import type { Bag, Wire } from "./wire.ts";

/** What an operation gets besides its values. */
export interface Operation {
  /** The resource's URN. */
  urn: string;
  /** The logical name (last part of the URN). */
  name: string;
  /** Aborted when the engine cancels; every HTTP call and child process takes it. */
  signal: AbortSignal;
  /** A line in the engine's display for this resource; not masked by the engine, as with the real plugins. */
  log(severity: "info" | "warning" | "error", message: string): void;
}

/** A resource. Values given to the functions are plain: no secret marks, no unknowns, absent inputs left out. */
export interface ResourceDouble {
  inputs: Properties;
  /** Computed outputs, those that are no inputs. */
  outputs: Properties;
  /** Computed outputs that are not known in the preview of an update. Default: none; a create's are never known. */
  unknownOnUpdate?: string[];
  /** Rules beyond the table. `inputs` may hold unknowns here. */
  validate?(inputs: Bag): Failure[];
  /** Inputs whose spellings can differ and mean the same. */
  same?: Record<string, (old: Wire, now: Wire) => boolean>;
  /** Inputs among `changed` that force replacement though the schema does not mark them. */
  alsoReplaces?(changed: string[]): string[];
  /** Inputs to count as changed because of what the state says (after a refresh). */
  drifted?(state: Bag): string[];
  /** Makes it; gives the id and the computed outputs (and inputs that got a default). */
  create(inputs: Bag, operation: Operation): Promise<{ id: string; state: Bag }>;
  /** What is there now: the state's values that differ or are new; undefined when it is gone. Default: unchanged. */
  read?(id: string, state: Bag, operation: Operation): Promise<Bag | undefined>;
  /** Changes it; gives the computed outputs that changed. */
  update(id: string, state: Bag, inputs: Bag, operation: Operation): Promise<Bag>;
  /** Default: the state is forgotten. */
  delete?(id: string, state: Bag, operation: Operation): Promise<void>;
}

/** A function (data source). */
export interface FunctionDouble {
  inputs: Properties;
  /** Names of the outputs; the test of the tables reads them. */
  outputs: string[];
  invoke(inputs: Bag, signal: AbortSignal): Promise<Bag>;
}

/** A provider package. */
export interface PackageDouble {
  name: string;
  /** npm version of the package it stands in for. */
  version: string;
  /** Provider arguments. */
  config: Properties;
  types: ObjectTypes;
  resources: Record<string, ResourceDouble>;
  functions: Record<string, FunctionDouble>;
  /** Called once before the first use, with the explicit provider's arguments; throws what the user is to read. */
  configure(config: Bag): Promise<void>;
}
