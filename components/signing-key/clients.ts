/** Which keys each machine said it trusts, asked of the server, which hears it with every `cachectl doctor`. */
import { z } from "zod";
import { describeTarget, lastLines, runOverSsh, sshFault, type SshSession } from "../ssh-session.ts";
import { scriptText } from "../ssh.ts";

/** A machine's last word: `cachectl clients --json`. */
const wordSchema = z.object({ address: z.string(), keys: z.array(z.string()), at: z.number() });
const answerSchema = z.object({ version: z.literal(1), clients: z.array(wordSchema) });

/** `keys` are names; `at` is milliseconds since 1970. */
export type Word = Readonly<z.output<typeof wordSchema>>;

const timeoutSeconds = 60;

/** @throws Error that names the server, what was found, and what to do */
export async function askClients(reach: Pick<SshSession, "target" | "privateKey">): Promise<readonly Word[]> {
  const stdin = scriptText(new URL("./clients.sh", import.meta.url));
  const ended = await runOverSsh({ ...reach, command: "sh -s", stdin, timeoutSeconds });
  const where = `[SigningKey] ${describeTarget(reach.target)}`;
  if (ended.code === null)
    throw new Error(`${where}: did not say within ${timeoutSeconds} s which keys machines trust.`);
  if (ended.code !== 0) throw new Error(`${where}: ${sshFault(ended) ?? `${lastLines(ended.stderr)}. ${remedy}`}`);
  const answer = answerSchema.safeParse(jsonOf(ended.stdout));
  if (answer.success) return answer.data.clients;
  throw new Error(`${where}: cachectl clients answered ${JSON.stringify(ended.stdout.slice(0, 80))}. ${remedy}`);
}

const remedy =
  "A key is retired only once every machine trusts another one. Keep it, deploy the newest cachectl by pulumi up, and " +
  "retire it then; or set signing.retireUnconfirmed.";

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
