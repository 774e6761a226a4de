/** Asks the machine's supervisor. */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { type Answer, type Request, SOCKET } from "../supervisor/control.ts";

/** The supervisor's answer. @throws Error with its reason when it could not do it, or does not run */
export function ask(request: Request): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(SOCKET);
    socket.once("error", (error) => {
      reject(new Error(`the supervisor does not answer: ${error.message}`));
    });
    createInterface({ input: socket }).once("line", (line) => {
      socket.end();
      const answer = JSON.parse(line) as Answer;
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    });
    socket.once("end", () => {
      reject(new Error("the supervisor ended"));
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

/** Runs a double's program; an error becomes one line, and the status. */
export async function program(name: string, work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
