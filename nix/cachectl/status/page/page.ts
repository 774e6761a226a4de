/** The status as one self-contained page: no script, nothing fetched but its own icon. */
import { readFileSync } from "node:fs";
import type { Status } from "../status.ts";
import { markup, Markup } from "./markup.ts";
import {
  buildersSection,
  canarySection,
  diskSection,
  populateSection,
  trafficSection,
  uploadsSection,
} from "./sections.ts";

/** The whole page. Throws an Error when page.css is not beside this file. */
export function pageOf(status: Status): string {
  const { at, host, url, keys, canary, server, knownPath } = status;
  const css = new Markup(readFileSync(new URL("page.css", import.meta.url), "utf8"));
  const time = new Date(at).toISOString();
  const sections = [
    ...(server === undefined
      ? []
      : [
          trafficSection(server.traffic, at),
          uploadsSection(server.builders, at),
          diskSection(server, at),
          canarySection(canary, at),
          buildersSection(server.builders, at),
          populateSection(server.populate, at),
        ]),
    ...(server === undefined ? [canarySection(canary, at)] : []),
  ];
  const address = url === undefined ? undefined : markup`<p class="quiet">${url}, signs with ${keys.join(", ")}</p>`;
  return markup`<!doctype html>
<html lang="en" data-known-path="${knownPath ?? ""}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Nix binary cache on ${host}</title>
<link rel="icon" type="image/svg+xml" href="status.svg">
<style>${css}</style>
</head>
<body>
<header><h1>Nix binary cache on ${host}</h1>${address}</header>
<main>${sections}</main>
<footer>As of <time datetime="${time}">${time.slice(0, 16).replace("T", " ")} UTC</time>. The same for programs: cachectl status --json.</footer>
</body>
</html>
`.text;
}
