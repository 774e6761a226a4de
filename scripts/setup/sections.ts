/** Sections of a stack's file: its keys with this project's prefix. */
import { type Document, isMap } from "yaml";

/** The entry of a section in the file's `config`; undefined when there is none. */
export function pairOf(document: Document, section: string) {
  const config = document.get("config");
  return isMap(config) ? config.items.find(({ key }) => String(key) === path(section)) : undefined;
}

/** Whether something parsed can have a comment before it. */
export function isNode(value: unknown): value is { commentBefore?: string | null } {
  return typeof value === "object" && value !== null;
}

/** A section's whole key. */
export function path(section: string): string {
  return `nix-binary-cache:${section}`;
}
