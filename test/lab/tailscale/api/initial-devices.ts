import type { Node } from "../policy/tailnet.ts";
import type { Device } from "./store.ts";

/** A machine of the stand-in's tailnet at its beginning. */
export interface DeviceOptions extends Omit<Node, "routes"> {
  /** @default a number by its place in the list */
  readonly id?: string;
  /** @default "linux" */
  readonly os?: string;
  readonly ephemeral?: boolean;
}

/** Gives the machines of a new tailnet their ids and defaults. */
export function initialDevices(devices: readonly DeviceOptions[]): Device[] {
  return devices.map((device, index) => ({
    id: device.id ?? String(1001 + index),
    name: device.name,
    addresses: [...device.addresses],
    ...(device.user === undefined ? {} : { user: device.user }),
    tags: [...(device.tags ?? [])],
    os: device.os ?? "linux",
    ephemeral: device.ephemeral ?? false,
  }));
}
