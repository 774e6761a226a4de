/** The server's disk is lost, and a new machine takes its place: another host key, and nothing of ours. */
import { setTimeout as sleep } from "node:timers/promises";
import type { World } from "../world/world.ts";
import { statusOf } from "./main-job.ts";

const HOST_KEY = "/etc/ssh/ssh_host_ed25519_key";
const LOST = `/var/lib/nix-binary-cache /var/lib/secrets ${HOST_KEY} ${HOST_KEY}.pub`;

/** Gives the new machine's settings of `server`. */
export async function replaceServer({ machines, settings }: World): Promise<object> {
  const { server, desktop } = machines;
  await server.must(["sh", "-c", `rm -rf ${LOST}`]);
  await server.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", HOST_KEY]);
  await server.reboot();
  const address = `http://${server.address}:5000/nix-cache-info`;
  for (let tries = 0; tries < 100 && (await statusOf(desktop, address)) === 0; tries++) await sleep(200);
  return { ...(settings.server as object), hostKey: await server.hostKey() };
}
