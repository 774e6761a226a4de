/** tailscale.DeviceTags, getDevice and getDevices (terraform-provider-tailscale v0.29.2). */
import { setTimeout as sleep } from "node:timers/promises";
import type { FunctionDouble, ResourceDouble } from "../shared/double.ts";
import { text, type Bag, type Wire } from "../shared/wire.ts";
import { summarised } from "./acl.ts";
import { ApiError, type TailscaleClient } from "./client.ts";
import { sameSet } from "./keys.ts";

const STRINGS = "clientVersion created expires hostname id lastSeen machineKey name nodeId nodeKey os user".split(" ");
const BOOLEANS = "authorized blocksIncomingConnections isExternal keyExpiryDisabled updateAvailable".split(" ");
const LISTS = ["addresses", "tags"];
const LOCK = ["tailnetLockError", "tailnetLockKey"];

/** Names of a device's outputs. */
const DEVICE_OUTPUTS = [...STRINGS, ...BOOLEANS, ...LISTS, ...LOCK];

// The API leaves out what does not apply; the provider reports it as empty.
function device(found: Bag): Bag {
  const fill = (names: string[], empty: Wire): Bag =>
    Object.fromEntries(names.map((name) => [name, found[name] ?? empty]));
  return { ...fill(STRINGS, ""), ...fill(BOOLEANS, false), ...fill(LISTS, []), ...fill(LOCK, "") };
}

async function list(client: TailscaleClient, query: URLSearchParams, signal: AbortSignal): Promise<Bag[]> {
  const path = client.tailnet(`devices${query.size > 0 ? `?${query.toString()}` : ""}`);
  const answer = await client.request({ method: "GET", path, signal });
  return ((answer.json as { devices?: Bag[] } | undefined)?.devices ?? []).map(device);
}

function seconds(duration: Wire | undefined): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text(duration));
  const unit = { ms: 0.001, s: 1, m: 60, h: 3600 }[match?.[2] ?? ""] ?? 0;
  return Number(match?.[1] ?? 0) * unit;
}

/** tailscale.getDevice: by `name` or `hostname`; with `waitFor` (such as "30s") tries again every second until then. */
export function getDevice(client: () => TailscaleClient): FunctionDouble {
  return {
    inputs: { hostname: "string", name: "string", waitFor: "string" },
    outputs: [...DEVICE_OUTPUTS, "waitFor"],
    invoke: async (inputs, signal) => {
      const by = inputs.hostname === undefined ? "name" : "hostname";
      const wanted = text(inputs[by]);
      const until = Date.now() + seconds(inputs.waitFor) * 1000;
      for (;;) {
        const devices = await summarised("Failed to fetch devices", () =>
          list(client(), new URLSearchParams({ [by]: wanted }), signal),
        );
        // The stand-in may know no filters: the first one that matches is what the real API would list.
        const found = devices.find((each) => each[by] === wanted);
        if (found !== undefined) return { ...inputs, ...found };
        if (Date.now() >= until)
          throw new Error(`Failed to fetch devices: could not find device with ${by}="${wanted}"`);
        await sleep(1000, undefined, { signal });
      }
    },
  };
}

/** tailscale.getDevices: all, or those whose name begins with `namePrefix`. */
export function getDevices(client: () => TailscaleClient): FunctionDouble {
  return {
    inputs: { devices: "list", filters: "list", namePrefix: "string" },
    outputs: ["devices", "filters", "id", "namePrefix"],
    invoke: async (inputs, signal) => {
      const { namePrefix = "" } = inputs;
      const all = await summarised("Failed to fetch devices", () => list(client(), new URLSearchParams(), signal));
      return {
        ...inputs,
        id: "devices",
        devices: all.filter((each) => text(each.name).startsWith(text(namePrefix))),
      };
    },
  };
}

async function setTags(client: TailscaleClient, id: string, tags: Wire, signal: AbortSignal): Promise<void> {
  await summarised(`Failed to update device tags: Failed to update tags for device with ID ${id}`, () =>
    client.request({ method: "POST", path: `device/${id}/tags`, body: { tags }, signal }),
  );
}

/** tailscale.DeviceTags: delete takes all tags off. */
export function deviceTags(client: () => TailscaleClient): ResourceDouble {
  return {
    inputs: { deviceId: "string, required", tags: "strings, required" },
    outputs: {},
    same: { tags: sameSet },
    create: async (inputs, { signal }) => {
      const id = text(inputs.deviceId);
      await setTags(client(), id, inputs.tags ?? [], signal);
      return { id, state: {} };
    },
    update: async (_id, _state, inputs, { signal }) => {
      await setTags(client(), text(inputs.deviceId), inputs.tags ?? [], signal);
      return {};
    },
    read: async (id, _state, { signal }) => {
      try {
        const answer = await client().request({ method: "GET", path: `device/${id}`, signal });
        return { tags: (answer.json as { tags?: string[] }).tags ?? [] };
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
    },
    delete: async (_id, state, { signal }) => setTags(client(), text(state.deviceId), [], signal),
  };
}
