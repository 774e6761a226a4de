/** One line about the cache as a picture: the page's icon, and something to show elsewhere. */
import type { Status } from "../status.ts";
import { isSuccess } from "../../populate/result.ts";
import { markup } from "./markup.ts";

/** Whether anything that the server itself knows of is wrong. */
export function isWell({ server, canary }: Pick<Status, "server" | "canary">): boolean {
  const last = canary.at(-1);
  const populated =
    (server?.populate?.problems.length ?? 0) === 0 &&
    (server?.populate?.outputs ?? []).every(({ status }) => isSuccess(status));
  const kept = server?.retain === undefined || server.retain.outcome === "done";
  const sound = server?.scrub?.findings.every(({ outcome }) => outcome !== "withheld") ?? true;
  const room = server === undefined || server.disk.freeBytes > server.disk.minFreeBytes;
  return (last === undefined || last.seconds !== undefined) && populated && kept && sound && room;
}

export function badgeOf(status: Status): string {
  const [word, colour] = isWell(status) ? ["well", "#1a7f37"] : ["in trouble", "#c22f2f"];
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" role="img" aria-label="The Nix binary cache on ${status.host} is ${word}">
<title>The Nix binary cache on ${status.host} is ${word}</title>
<rect width="32" height="32" rx="6" fill="${colour}"/>
<path d="${word === "well" ? "M8 17l5 5 11-12" : "M10 10l12 12m0-12l-12 12"}" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/>
</svg>
`.text;
}
