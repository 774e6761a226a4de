/** One thing that the doctor can name: what brings it about, and what it must say. */
import type { Level } from "../../../nix/cachectl/doctor/finding.ts";
import type { World, WorldKind } from "../doctor-world.ts";

export interface Failure {
  /** What was done to the machine. */
  readonly what: string;
  readonly on: WorldKind;
  readonly provoke: (world: World) => void;
  /** The check that must name it, how bad it is, and its words. */
  readonly check: string;
  readonly level: Level;
  readonly says: RegExp;
  /** Other checks that rightly fail by the same cause. */
  readonly also?: readonly string[];
}

export const hour = 3600_000;
export const day = 24 * hour;
export const ago = (milliseconds: number): string => new Date(Date.now() - milliseconds).toISOString();
