/** Headless Chromium over its own protocol (chromedevtools.github.io/devtools-protocol): as much as the page's test needs. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fieldsOf, parseJson } from "../../../nix/cachectl/lib/json.ts";

const programs = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const callMilliseconds = 20_000;

/** The browser's program, installed from Debian where that can be; a text says why there is none. */
export function findChromium(): { readonly program: string } | { readonly reason: string } {
  const found = programs.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (found !== undefined) return { program: found };
  if (process.getuid?.() !== 0) return { reason: "no chromium, and only root can install it" };
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const args = ["install", "--yes", "--no-install-recommends", "chromium"];
  for (const step of [args, ["update"], args]) {
    const { status, error } = spawnSync("apt-get", step, { env, stdio: "ignore", timeout: 300_000 });
    if (error !== undefined) return { reason: `no chromium, and apt-get can't be run: ${error.message}` };
    if (step === args && status === 0) return { program: "chromium" };
  }
  return { reason: "no chromium, and apt-get can't install it" };
}

type Listener = (params: ReadonlyMap<string, unknown>) => void;

/** One browser with one page. */
export class Chromium {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #listeners = new Map<string, Listener[]>();
  #session = "";
  #calls = 0;

  private constructor(child: ChildProcess, profile: string, socket: WebSocket) {
    this.#child = child;
    this.#profile = profile;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(fieldsOf(parseJson(String(data)))));
  }

  /** Starts the program and opens an empty page. Rejects with what it said when it does not start. */
  static async start(program: string): Promise<Chromium> {
    const profile = mkdtempSync(join(tmpdir(), "nix-binary-cache-chromium-"));
    const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const args = [
      "--headless=new",
      ...root,
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--hide-scrollbars",
      "--no-first-run",
    ];
    const child = spawn(program, [...args, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const socket = new WebSocket(await addressOf(child));
    await once(socket, "open");
    const browser = new Chromium(child, profile, socket);
    const target = fieldsOf(await browser.call("Target.createTarget", { url: "about:blank" })).get("targetId");
    const attached = await browser.call("Target.attachToTarget", { targetId: target, flatten: true });
    browser.#session = String(fieldsOf(attached).get("sessionId"));
    return browser;
  }

  /** Calls a method of the protocol. Rejects with the browser's own message. */
  async call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#calls;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    const session = this.#session === "" ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const timer = setTimeout(() => answer.reject(new Error(`${method} was not answered`)), callMilliseconds);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Has every event of a name go to a function. */
  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  /** Loads a page and waits until everything of it is there. */
  async open(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.on("Page.loadEventFired", () => resolve()));
    await this.call("Page.navigate", { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = fieldsOf(await this.call("Runtime.evaluate", { expression, returnByValue: true }));
    if (answer.has("exceptionDetails")) throw new Error(JSON.stringify(answer.get("exceptionDetails")));
    return fieldsOf(answer.get("result")).get("value");
  }

  async close(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#socket.close();
    this.#child.kill("SIGKILL");
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  #take(message: ReadonlyMap<string, unknown>): void {
    const waiting = this.#waiting.get(Number(message.get("id")));
    const error = message.get("error");
    if (waiting !== undefined && error !== undefined) waiting.reject(new Error(JSON.stringify(error)));
    else waiting?.resolve(message.get("result"));
    for (const listener of this.#listeners.get(String(message.get("method"))) ?? [])
      listener(fieldsOf(message.get("params")));
  }
}

/** "DevTools listening on ws://…" is the last that it says before it is ready. */
async function addressOf(child: ChildProcess): Promise<string> {
  let said = "";
  const found = Promise.withResolvers<string>();
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString("utf8");
    const address = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
    if (address !== undefined) found.resolve(address);
  });
  child.once("exit", () => found.reject(new Error(`chromium ended: ${said.slice(-500)}`)));
  child.once("error", found.reject);
  const timer = setTimeout(
    () => found.reject(new Error(`chromium is not ready: ${said.slice(-500)}`)),
    callMilliseconds,
  );
  return found.promise.finally(() => clearTimeout(timer));
}
