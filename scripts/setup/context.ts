/** What every part of the interview works with. */
import type { z } from "zod";
import { type AnswerName, answers, type Given } from "./answers.ts";
import type { Asker, Question } from "./asker.ts";
import type { Device } from "./devices.ts";
import type { FlakeOutputs, UnknownOutputs } from "./flake.ts";
import type { HostKey, NoHostKey } from "./host-key.ts";

/** Where the interview finds things out. */
export interface Sources {
  readonly devices: readonly Device[];
  /** Whether Pulumi signs in to Tailscale as an OAuth client: it hands out only tags that its own tag owns. */
  readonly oauthClient: boolean;
  readonly flakeOutputs: (flake: string) => Promise<FlakeOutputs | UnknownOutputs>;
  readonly scanHostKey: (address: string, port: number) => Promise<HostKey | NoHostKey>;
}

/** What every part of the interview works with. */
export interface Interview {
  readonly asker: Asker;
  readonly given: Given;
  /** Answers that the stack's file holds already: the defaults. */
  readonly before: Pick<Given, "values" | "machines">;
  readonly sources: Sources;
}

/** Says what a field's rule says. */
export function checkedBy(rule: z.ZodType): (answer: string) => string | undefined {
  return (answer) => {
    const parsed = rule.safeParse(answer);
    return parsed.success ? undefined : (parsed.error.issues[0]?.message ?? "not accepted");
  };
}

/** The same for an answer that may be "none" instead. */
export function orNone(rule: z.ZodType): (answer: string) => string | undefined {
  return (text) => (text === "none" ? undefined : checkedBy(rule)(text));
}

/** The same for each part of a list. */
export function listedBy(rule: z.ZodType): (answer: string) => string | undefined {
  return (text) => {
    const parts = listOf(text);
    return parts.length === 0
      ? "expected at least one"
      : parts.map(checkedBy(rule)).find((wrong) => wrong !== undefined);
  };
}

/** The parts of an answer that is a list. */
export function listOf(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Anything that was given is not asked; it is checked with the rest of the file. */
export async function answer(
  { asker, given, before }: Interview,
  name: AnswerName,
  more: Partial<Question> = {},
): Promise<string | undefined> {
  const value = given.values[name];
  if (value !== undefined) return value;
  const question = { flag: `--${name}`, text: sentence(answers[name]), ...more };
  return await asker.ask({ ...question, default: before.values[name] ?? more.default });
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
