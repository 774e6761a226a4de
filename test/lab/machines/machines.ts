/** The lab's machines together. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { OnLine } from "../engine/progress.ts";
import { type Instance, MACHINE_NAMES, type MachineName } from "../instance.ts";
import { ensureBase } from "./base/base.ts";
import { haltMachine, runningPid } from "./boot.ts";
import { Machine } from "./machine.ts";
import { createNetwork, removeNetwork } from "./network.ts";

type Machines = Readonly<Record<MachineName, Machine>>;

function machinesOf(instance: Instance): Machines {
  return {
    server: new Machine(instance, "server"),
    desktop: new Machine(instance, "desktop"),
    macbook: new Machine(instance, "macbook"),
  };
}

/** Brings network and machines up, or finds them up. Safe to repeat, and after any interruption. */
export async function startMachines(instance: Instance, onLine: OnLine): Promise<Machines> {
  await ensureBase(onLine);
  // A machine without the links that it was started with is of no use.
  if (!existsSync(`${instance.dir}/network-complete`)) await haltAll(instance);
  await createNetwork(instance);
  const machines = machinesOf(instance);
  const down = MACHINE_NAMES.filter((name) => runningPid(instance, name) === undefined);
  if (down.length > 0) onLine(`starting ${down.join(", ")}`);
  await Promise.all(down.map((name) => machines[name].start()));
  return machines;
}

/** Those that run. */
export function runningMachines(instance: Instance): ReadonlyMap<MachineName, Machine> {
  const machines = machinesOf(instance);
  const running = MACHINE_NAMES.filter((name) => runningPid(instance, name) !== undefined);
  return new Map(running.map((name) => [name, machines[name]]));
}

async function haltAll(instance: Instance): Promise<void> {
  await Promise.all(MACHINE_NAMES.map((name) => haltMachine(instance, name)));
}

/** Ends the machines and their network; what is on their disks stays. */
export async function stopMachines(instance: Instance): Promise<void> {
  await haltAll(instance);
  await removeNetwork(instance);
}

/** Ends the machines and removes everything that the instance holds. */
export async function eraseInstance(instance: Instance): Promise<void> {
  await stopMachines(instance);
  await rm(instance.dir, { recursive: true, force: true });
}
