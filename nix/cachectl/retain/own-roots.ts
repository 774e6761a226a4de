import { lstatSync, readdirSync, readlinkSync, type Dirent } from "node:fs";
import { basename, join } from "node:path";
import { parsePin } from "../pin/pins.ts";
import { isRunning, sessionProcess } from "../receive/sessions.ts";
import { committedTwin, isSettled } from "../receive/settled.ts";
import { purposeOf } from "./classify.ts";
import type { Root } from "./plan.ts";

/** The folders below the roots that retention decides about. Everything else there is as foreign as any other root. */
export const ownAreas = ["incoming", "uploads", "populate", "pins"] as const;

/** What is to be known besides the links themselves. */
export interface RootContext {
  /** Names of machines that are known. */
  readonly machines: readonly string[];
  /** Days after which an announced path that was not committed is given up. */
  readonly incomingDays: number;
}

/** One link below the roots. */
export interface Link {
  readonly file: string;
  /** The folders between the area and the link. */
  readonly folders: readonly string[];
  readonly target: string;
  /** Seconds since 1970. */
  readonly time: number;
}

const secondsOfDay = 86_400;

/**
 * The roots in `incoming`, `uploads`, `populate` and `pins`. A folder that is itself a link is not followed: `nix-push`
 * can make links, and what is evicted is removed by root.
 */
export function readOwnRoots(rootsDirectory: string, context: RootContext): Root[] {
  return ownAreas.flatMap((area) => {
    const links = area === "incoming" ? announcedLinks(rootsDirectory) : linksBelow(join(rootsDirectory, area));
    return links.flatMap((link) => rootOf(area, link, context) ?? []);
  });
}

/** The links in `incoming` but those of paths that were committed since: these go with the committed ones. */
export function announcedLinks(rootsDirectory: string): Link[] {
  return linksBelow(join(rootsDirectory, "incoming")).filter(
    ({ file }) => !isSettled(file, committedTwin(rootsDirectory, file)),
  );
}

function rootOf(area: (typeof ownAreas)[number], link: Link, context: RootContext): Root | undefined {
  const { file, folders, target, time } = link;
  const base = { name: file, path: target, time };
  const [owner = ""] = folders;
  // A build that is under way (populate's), or half of a replacement that was cut off: a root all the same.
  if (basename(file).startsWith(".")) return { ...base, kind: "incoming", group: owner, until: time + secondsOfDay };
  switch (area) {
    case "pins": {
      const pin = parsePin(basename(file));
      return { ...base, kind: "pin", group: pin.name, ...(pin.until !== undefined && { until: pin.until }) };
    }
    case "incoming": {
      const process = sessionProcess(folders[1] ?? "");
      const dead = process !== undefined && !isRunning(process);
      return {
        ...base,
        kind: "incoming",
        group: owner,
        until: dead ? time : time + context.incomingDays * secondsOfDay,
      };
    }
    default: {
      const storeName = target.slice("/nix/store/".length + 33);
      const origin =
        area === "uploads"
          ? ({ area, builder: owner } as const)
          : ({ area, owner: folders.slice(0, 2).join("/") || "populate" } as const);
      return { ...base, ...purposeOf(storeName, origin, context.machines) };
    }
  }
}

/** All links to store paths below a folder. */
export function linksBelow(directory: string, folders: readonly string[] = []): Link[] {
  return entriesOf(directory).flatMap((entry) => {
    const file = join(directory, entry.name);
    if (entry.isDirectory()) return linksBelow(file, [...folders, entry.name]);
    return entry.isSymbolicLink() ? (readLink(file, folders) ?? []) : [];
  });
}

/** A link to a store path; undefined for any other, and for one that is gone by now. */
function readLink(file: string, folders: readonly string[]): Link | undefined {
  try {
    const target = /^\/nix\/store\/[^/]+/.exec(readlinkSync(file))?.[0];
    const time = Math.floor(lstatSync(file).mtimeMs / 1000);
    return target === undefined ? undefined : { file, folders, target, time };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
