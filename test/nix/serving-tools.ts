/** The real nginx and the real Nix that the tests of serving need, and the text that nginx-config.nix gives. */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const source = join(import.meta.dirname, "..", "..", "nix", "modules", "nginx-config.nix");
/** The environment in which programs of administrators are found, too. */
export const environment = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/usr/bin` };

/** What nginx-config.nix takes. */
export type ConfigArguments = Readonly<Record<string, string | number | null | readonly string[]>>;

/** Programs, and Debian's packages that have them. */
const served: Readonly<Record<string, string>> = { nginx: "nginx-light", "nix-instantiate": "nix-bin" };

/** Whether nginx, nix-instantiate and what else is `wanted` are there. Root on Debian gets them; anybody else is told what to install. */
export function haveTools(wanted: Readonly<Record<string, string>> = {}): boolean {
  const packages = { ...served, ...wanted };
  const missing = (): string[] => Object.keys(packages).filter((program) => !present(program));
  if (missing().length === 0) return true;
  if (process.getuid?.() === 0 && present("apt-get")) {
    const apt = ["-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends"];
    execFileSync("apt-get", ["update"], { stdio: "ignore", timeout: 120_000 });
    execFileSync("apt-get", [...apt, ...Object.values(packages)], {
      stdio: "ignore",
      timeout: 240_000,
      env: { ...environment, DEBIAN_FRONTEND: "noninteractive" },
    });
    return missing().length === 0;
  }
  console.warn(
    `      not run: install ${Object.keys(packages).join(", ")} (Debian: ${Object.values(packages).join(" ")})`,
  );
  return false;
}

function present(program: string): boolean {
  const { error } = spawnSync(program, ["--version"], { stdio: "ignore", env: environment, timeout: 10_000 });
  return error === undefined;
}

/** The text for nginx's http context. */
export async function configText(settings: ConfigArguments): Promise<string> {
  const expression = "{ file, settings }: import file (builtins.fromJSON settings)";
  const { stdout } = await run(
    "nix-instantiate",
    [
      "--eval",
      "--json",
      "--expr",
      expression,
      "--arg",
      "file",
      source,
      "--argstr",
      "settings",
      JSON.stringify(settings),
    ],
    { env: environment, timeout: 30_000 },
  );
  return String(JSON.parse(stdout));
}

const given = new Set<number>();

/** A port that nothing listens on at this moment, and that was not given before. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

/** Whether something listens on the port of loopback. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const accepted = await promise;
  socket.destroy();
  return accepted;
}
