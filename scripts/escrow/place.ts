/** Hands a signing key to the server, over ssh's standard input. */
import { describeTarget, lastLines, runOverSsh, sshFault, type SshSession } from "../../components/ssh-session.ts";
import { scriptText, shellWords } from "../../components/ssh.ts";

/** The server, and where its keys lie. */
export interface Place extends Pick<SshSession, "target" | "privateKey"> {
  readonly directory: string;
}

const timeoutSeconds = 60;

/**
 * Puts a key where the server looks for it. `present`: it is there already.
 *
 * @param publicKey `NAME:BASE64`
 * @throws Error when another key of that name is there, or the server can't be reached
 */
export async function placeKey(place: Place, publicKey: string, secretKey: string): Promise<"restored" | "present"> {
  const { target, privateKey, directory } = place;
  const script = scriptText(new URL("../../components/signing-key/restore.sh", import.meta.url));
  const command = shellWords(["sh", "-c", script, "restore.sh", directory, publicKey]);
  const ended = await runOverSsh({ target, privateKey, command, stdin: secretKey, timeoutSeconds });
  const where = describeTarget(target);
  const said = ended.stdout.trim();
  if (ended.code === 0 && (said === "restored" || said === "present")) return said;
  if (ended.code === null) throw new Error(`${where}: did not answer within ${timeoutSeconds} s`);
  if (ended.code === 4) throw new Error(`${where}: ${inTheWay(directory, publicKey, ended.stderr.trim())}`);
  throw new Error(`${where}: ${sshFault(ended) ?? lastLines(ended.stderr || said)}`);
}

function inTheWay(directory: string, publicKey: string, found: string): string {
  const [name = ""] = publicKey.split(":");
  const file = `${directory}/${name}.secret`;
  return (
    `another key is in place: ${file} is ${found}, the copy is ${publicKey}. If no machine trusts that one yet ` +
    `(pulumi up made it on the empty disk), move it away there (mv ${file} ${file}.other) and run this again`
  );
}
