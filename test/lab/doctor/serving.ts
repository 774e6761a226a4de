/** Breakages of what the server serves: nginx, what stands behind it, the bytes, and the clock by which it is read. */
import type { World } from "../world/world.ts";
import { away, both, type Breakage, type Change, commands, nginx, type Saying, STATE, unchanged } from "./breakage.ts";

const on = "desktop";
const warning = "warning";
const CACHE = "/var/cache/nginx/nix-binary-cache";

// The first place that fits is the public server's.
const INFO = /location = \/nix-cache-info \{/;
const NARINFO = /location ~ "\^\/\(\?<nix_path>.*\{/;
const MISS = /location @nix_binary_cache_miss \{/;
const NAR = /location ~ "\^\/nar\/.*\{/;

/** nginx does something else at a location. */
const at = (location: RegExp, directive: string): Change =>
  nginx((text) => text.replace(location, (found) => `${found}\n${directive};`));

/** Ten bytes a second, whether nginx has a copy or not. */
const slow: Change = nginx((text) =>
  [NAR, MISS].reduce((all, location) => all.replace(location, (found) => `${found}\nlimit_rate 10;`), text),
);

const info = (what: string, answer: string, says: RegExp, more: Partial<Saying> = {}): Breakage => ({
  ...{ what, on, check: "cache-info", says, ...more },
  ...at(INFO, `return ${answer}`),
});

async function ask({ machines: { server } }: World, path: string): Promise<string> {
  return (await server.must(["curl", "-s", "-f", "-m", "5", `http://127.0.0.1:5000/${path}`])).stdout;
}

/** The path that the server's page names, at which the doctor of every machine looks. */
async function knownPath(world: World): Promise<string> {
  return /data-known-path="([^"]+)"/.exec(await ask(world, ""))?.[1] ?? "";
}

/** Every narinfo is that path's, changed. */
function narinfos(change: (text: string) => string): Change {
  let inner = unchanged;
  return {
    breaks: async (world) => {
      const hash = (await knownPath(world)).slice("/nix/store/".length).slice(0, 32);
      inner = at(
        NARINFO,
        `default_type text/x-nix-narinfo; return 200 "${change(await ask(world, `${hash}.narinfo`))}"`,
      );
      await inner.breaks(world);
    },
    mends: (world) => inner.mends(world),
  };
}

const emptied: Change = commands(
  "server",
  ["find", CACHE, "-type", "f", "-delete"],
  ["find", CACHE, "-type", "f", "-delete"],
);

/** A bit that turns in the copies on nginx's disk: the NAR is as long as before. */
const rotten: Change = commands(
  "server",
  ["find", CACHE, "-type", "f", "-exec", "sed", "-i", "s/nix-archive-1/nix-archive-0/", "{}", "+"],
  ["find", CACHE, "-type", "f", "-exec", "sed", "-i", "s/nix-archive-0/nix-archive-1/", "{}", "+"],
);

/** The path's file in the server's store says something longer. */
const grown: Change = {
  breaks: async (world) => {
    const { server } = world.machines;
    const path = await knownPath(world);
    await server.must(["cp", "-a", path, "/root/grown"]);
    await server.must(["ln", "-sfn", path, "/root/grown-path"]);
    await server.must(["tee", "-a", path], { stdin: "more than there was" });
  },
  mends: ({ machines: { server } }) =>
    server.must(["sh", "-c", 'cp -a --remove-destination /root/grown "$(readlink /root/grown-path)"']),
};

const path = (what: string, change: Change, says: RegExp, level: Saying["level"] = "failure"): Breakage => ({
  ...{ what, on, check: "path", level, says },
  ...change,
});

const clock = (what: string, FAKETIME: string, says: RegExp, level: Saying["level"] = "failure"): Breakage => ({
  ...{ what, on, check: "clock", level, says, ...unchanged },
  // ld.so puts the machine's own folder of libraries in place of $LIB.
  env: { LD_PRELOAD: "/usr/$LIB/faketime/libfaketime.so.1", FAKETIME },
});

export const servingBreakages: readonly Breakage[] = [
  {
    what: "Harmonia is stopped",
    ...{ on, check: "cache-info", says: /nginx answers 503: what it stands in front of is down/ },
    ...commands("server", ["systemctl", "stop", "harmonia"], ["systemctl", "start", "harmonia"]),
  },
  info("nginx turns everybody away", "403", /answers 403: nginx turns this address away/),
  info("something else listens", '200 "<html>router</html>"', /no binary cache \(status 200\)/),
  info("a cache for another store", '200 "StoreDir: /opt/store\nPriority: 50\n"', /the cache is for \/opt\/store/),
  info("no priority", '200 "StoreDir: /nix/store\n"', /says no priority/, { level: warning }),
  info(
    "a priority before the public cache's",
    '200 "StoreDir: /nix/store\nPriority: 30\n"',
    /priority 30: asked before/,
    {
      level: warning,
    },
  ),
  info("another priority than the stack's", '200 "StoreDir: /nix/store\nPriority: 45\n"', /45, the stack says 50/, {
    level: warning,
    on: "server",
  }),
  {
    what: "nothing is known that the cache has",
    ...{ on, check: "signing-key", level: warning, says: /no path of this machine is in the cache/ },
    ...away("server", `${STATE}/status/index.html`),
  },
  {
    what: "nothing is signed",
    ...{ on, check: "signing-key", says: /signs nothing/ },
    ...narinfos((text) => text.replaceAll(/^Sig: .*\n/gm, "")),
  },
  {
    what: "narinfos that are none",
    ...{ on, check: "signing-key", says: /answers 200 for .*, and no narinfo/ },
    ...at(NARINFO, 'return 200 "hello"'),
  },
  path(
    "signatures that do not hold",
    narinfos((text) => text.replaceAll(/^(Sig: [^:]+:)...../gm, "$1AAAAA")),
    /no signature holds/,
  ),
  path("a bit that turned in nginx's copy", rotten, /bytes are not those of its hash/),
  path("a file that changed in the server's store", both(emptied, grown, emptied), /bytes are not those of its hash/),
  path("a NAR that goes on", at(NAR, `return 200 "${"nix".repeat(200)}"`), /has more than the \d+ bytes/),
  path("a NAR that ends early", at(NAR, 'return 200 "nix"'), /has 3 bytes, its narinfo says/),
  path("a connection that is cut off", at(NAR, "return 444"), /ECONNRESET|closed/),
  path("a narinfo without its NAR", at(NAR, "return 404"), /its NAR is answered with 404/),
  path(
    "a NAR packed in another way",
    narinfos((text) => text.replace("Compression: none", "Compression: xz")),
    /compressed with xz/,
    warning,
  ),
  path("a server that is very slow", slow, /too large for the time/, warning),
  clock("a clock a year ahead", "+1y", /\d+ s ahead of the server's: ages and retention are wrong/),
  clock("a clock two minutes behind", "-120s", /1[12]\d s behind the server's/, warning),
];
