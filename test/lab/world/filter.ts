/** `node filter.ts ID DIR`: makes the instance's packet filter from the flows that the stand-in of Tailscale has compiled. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openInstance } from "../instance.ts";
import { applyFilter } from "../machines/network.ts";
import type { Flow } from "../tailscale/packet-filter.ts";

const [id = "", dir] = process.argv.slice(2);
const instance = openInstance(id, dir);
await applyFilter(instance, JSON.parse(readFileSync(join(instance.dir, "tailscale.flows.json"), "utf8")) as Flow[]);
