import { z } from "zod";

import { requireScopes } from "./actor.ts";
import type { Context } from "./context.ts";
import { ApiError, type Reply, json, notFound } from "./reply.ts";
import type { Device } from "./store.ts";
import { requireAssignable } from "./tags.ts";

/** Domain of the machines' MagicDNS names. */
const DOMAIN = "lab.ts.net";

/** A machine as the API shows it. One with tags belongs to nobody. */
function shown(device: Device, now: Date): Record<string, unknown> {
  const tagged = device.tags.length > 0;
  return {
    id: device.id,
    nodeId: `n${device.id}CNTRL`,
    name: `${device.name}.${DOMAIN}`,
    hostname: device.name,
    addresses: device.addresses,
    user: tagged ? "tagged-devices" : (device.user ?? ""),
    ...(tagged ? { tags: device.tags } : {}),
    authorized: true,
    isEphemeral: device.ephemeral,
    isExternal: false,
    keyExpiryDisabled: tagged,
    connectedToControl: true,
    lastSeen: now.toISOString(),
    os: device.os,
    clientVersion: "v1.94.2",
    updateAvailable: false,
  };
}

function find(context: Context, id: string): Device {
  const device = context.store.state.devices.find((candidate) => [candidate.id, `n${candidate.id}CNTRL`].includes(id));
  if (device === undefined) throw notFound();
  return device;
}

/** GET …/devices; every parameter but `fields` is a filter: the machines whose property has that value, or one of its values. */
export function listDevices(context: Context): Reply {
  requireScopes(context.actor, "devices:core:read");
  const filters = [...context.query].filter(([property]) => property !== "fields");
  const devices = context.store.state.devices
    .map((device) => shown(device, context.now))
    .filter((device) => filters.every(([property, value]) => [device[property]].flat().map(String).includes(value)));
  return json({ devices });
}

/** GET /device/ID */
export function getDevice(context: Context, id: string): Reply {
  requireScopes(context.actor, "devices:core:read");
  return json(shown(find(context, id), context.now));
}

const tagsRequest = z.object({ tags: z.array(z.string()) });

/** POST /device/ID/tags: replaces the tags. */
export async function postDeviceTags(context: Context, id: string): Promise<Reply> {
  requireScopes(context.actor, "devices:core");
  const device = find(context, id);
  const request = tagsRequest.safeParse(parseJson(context.body));
  if (!request.success) throw new ApiError(400, 'expected {"tags": ["tag:NAME"]}');
  requireAssignable(context.actor, request.data.tags, context.store.state.policy);
  device.tags = request.data.tags;
  context.store.save();
  await context.changed();
  return json({});
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
