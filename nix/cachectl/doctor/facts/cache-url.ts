/** The cache's address, as this machine knows it. */
import { isTailnetAddress } from "./tailnet.ts";
import { nixConfig } from "./nix-config.ts";
import { shared, type KnownSettings } from "../machine.ts";

const defaultPort = 5000;

/**
 * Where the cache is: as given, or as config.json has it, or the one of Nix's substituters that can only be it. Rejects
 * with an Error that says what to do when there is none.
 */
export const cacheUrl = shared(async (machine): Promise<URL> => {
  const { settings } = machine;
  const given = machine.url ?? settings.cacheUrl;
  if (given !== undefined) return parse(given);
  // A Nix that gives no answer is the matter of another check.
  const substituters = await nixConfig(machine)
    .then((config) => config.words("substituters"))
    .catch(() => []);
  const found = pickCache(substituters, settings);
  if (found !== undefined) return found;
  throw new Error(
    "no substituter of this machine's Nix is the cache: import the client module (or `pulumi up`), or name it with --url",
  );
});

function parse(text: string): URL {
  if (!URL.canParse(text))
    throw new Error(`${JSON.stringify(text)} is no URL; expected one such as http://server:5000`);
  return new URL(text);
}

/** The substituter on the server that config.json names; else on a tailnet; else the only one on plain HTTP. */
export function pickCache(
  substituters: readonly string[],
  { serverHost, cachePort }: Pick<KnownSettings, "serverHost" | "cachePort">,
): URL | undefined {
  const urls = substituters.filter((text) => URL.canParse(text)).map((text) => new URL(text));
  const plain = urls.filter(({ protocol }) => protocol === "http:");
  const here =
    urls.find((url) => serverHost !== undefined && hostOf(url) === serverHost) ??
    urls.find((url) => isTailnetAddress(hostOf(url))) ??
    (plain.length === 1 ? plain[0] : undefined);
  if (here !== undefined || serverHost === undefined) return here;
  const host = serverHost.includes(":") ? `[${serverHost}]` : serverHost;
  return new URL(`http://${host}:${cachePort ?? defaultPort}`);
}

/** The host without the brackets that an IPv6 address has in a URL. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

/** The port, that of the scheme where none is written. */
export function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}

/** The cache's address with something below it, without a query. */
export function below(url: URL, name: string): string {
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}/${name}`;
}
