/** From a stack's settings to what it adds to the tailnet's policy. Pure. */
import { isIP } from "node:net";
import type { Json, PolicyEntries, PolicyEntry } from "./entries.ts";

/** What decides the entries. */
export interface PolicySettings {
  readonly tags: { readonly cache: string; readonly ci: string };
  /** Whether CI uploads; without it its tag is declared and reaches nothing. @default true */
  readonly ci?: boolean;
  /** Who may assign the tags: users, groups, autogroups or tags. */
  readonly owners: readonly string[];
  /** Who may read: users, groups, autogroups, tags, names from the policy's `hosts`, or addresses. */
  readonly readers: readonly string[];
  /** Tailnet addresses (or other selectors) of machines that upload. */
  readonly builders: readonly string[];
  /** Tailnet addresses of machines that read besides the readers. @default [] */
  readonly hosts?: readonly string[];
  /** Builders that the policy can't let upload, since they have no address that it could name. @default [] */
  readonly unreachable?: readonly string[];
  readonly port: number;
  readonly sshPort: number;
  /** Who answers on the server's ssh port; only Tailscale SSH needs rules of its own. */
  readonly ssh: "openssh" | "tailscale";
  /** Login of a member for whom a test is added: Tailscale takes no autogroup as a test's src. */
  readonly testUser?: string | undefined;
  /** Whether tests refuse a policy in which CI reaches anything but the cache. */
  readonly requireDeny: boolean;
  /** Entries of the user's own that come and go with the stack. */
  readonly extra: { readonly grants: readonly PolicyEntry[]; readonly tests: readonly PolicyEntry[] };
}

/** The account that uploads go to; its login shell takes nothing else. */
export const uploadUser = "nix-push";

/** Ports of the server that nobody is granted: any rule that is wider than ours opens at least one of them. */
const otherPorts = [80, 443, 9090];

/** The port that a tagged machine must not reach on others. */
const sshStandardPort = 22;

/** Everything that the stack adds, each list in a fixed order. */
export function buildPolicy(settings: PolicySettings): PolicyEntries {
  const { tags, owners, ssh, extra, ci = true } = settings;
  return {
    tag: tags.cache,
    tagOwners: { [tags.cache]: owners, [tags.ci]: owners },
    grants: [...grants(settings), ...extra.grants],
    ssh: ssh === "tailscale" ? sshRules(settings) : [],
    tests: [...tests(settings), ...extra.tests],
    sshTests: ssh === "tailscale" && ci ? [sshTest(settings)] : [],
  };
}

/** Without a protocol a grant would let UDP through as well. */
function tcp(...ports: readonly number[]): string[] {
  return ports.map((port) => `tcp:${port}`);
}

function grants(settings: PolicySettings): PolicyEntry[] {
  const { tags, readers, hosts = [], builders, port, sshPort } = settings;
  return [
    { src: unique([...readers, ...hosts]), dst: [tags.cache], ip: tcp(port) },
    ...whereAny([...ciTag(settings), ...builders], (src) => ({ src, dst: [tags.cache], ip: tcp(sshPort, port) })),
  ];
}

function ciTag({ tags, ci = true }: PolicySettings): string[] {
  return ci ? [tags.ci] : [];
}

/** Tailscale refuses a rule without a src. */
function whereAny(sources: readonly string[], entry: (src: readonly string[]) => PolicyEntry): PolicyEntry[] {
  return sources.length === 0 ? [] : [entry(unique(sources))];
}

/**
 * Who may log in as the upload account. An address is no src of an ssh rule, so builders come in as the readers that
 * they belong to; their addresses alone are let through to the port, and by its address the receiver knows each builder.
 */
function sshRules(settings: PolicySettings): PolicyEntry[] {
  const { tags, readers, builders } = settings;
  const people =
    builders.length === 0 ? [] : [...readers, ...builders].filter((entry) => /^(tag|group|autogroup):|@/.test(entry));
  return whereAny([...ciTag(settings), ...people], (src) => ({
    action: "accept",
    src,
    dst: [tags.cache],
    users: [uploadUser],
  }));
}

/** `root` is denied in every case: no rule of ours lets anybody log in as another than the upload account. */
function sshTest({ tags, requireDeny }: PolicySettings): PolicyEntry {
  const deny: Record<string, Json> = requireDeny ? { deny: ["root"] } : {};
  return { src: tags.ci, dst: [tags.cache], accept: [uploadUser], ...deny };
}

/** Neither tag reaches the other's machines, nor any machine that we know, but for what the grants say. */
function tests(settings: PolicySettings): PolicyEntry[] {
  const { tags, port, sshPort, requireDeny, testUser, ci = true } = settings;
  const strangers = destinations([tags.ci, ...machines(settings)], [sshStandardPort]);
  const closed = destinations(
    [tags.cache],
    otherPorts.filter((other) => other !== port && other !== sshPort),
  );
  const found: PolicyEntry[] = [];
  if (ci)
    found.push(test(tags.ci, destinations([tags.cache], [sshPort, port]), [...closed, ...strangers], requireDeny));
  if (requireDeny) found.push(test(tags.cache, [], [...strangers, `${tags.cache}:${sshStandardPort}`], requireDeny));
  if (testUser !== undefined) found.push(userTest(testUser, closed, settings));
  return found;
}

/** A member may also own a builder, whose address we grant ssh: only without builders is ssh denied to them. */
function userTest(user: string, closed: readonly string[], settings: PolicySettings): PolicyEntry {
  const { tags, port, sshPort, builders, requireDeny } = settings;
  const ssh = builders.length === 0 ? destinations([tags.cache], [sshPort]) : [];
  return test(user, destinations([tags.cache], [port]), [...ssh, ...closed], requireDeny);
}

function test(src: string, accept: readonly string[], deny: readonly string[], requireDeny: boolean): PolicyEntry {
  return {
    src,
    proto: "tcp",
    ...(accept.length > 0 ? { accept } : {}),
    ...(requireDeny && deny.length > 0 ? { deny } : {}),
  };
}

/** Addresses of machines, in the form in which a test's destination takes them. */
function machines({ builders, hosts = [] }: PolicySettings): string[] {
  return unique([...builders, ...hosts]).filter((entry) => isIP(entry) !== 0);
}

/** `HOST:PORT`, an IPv6 address in brackets. */
function destinations(hosts: readonly string[], ports: readonly number[]): string[] {
  return hosts.flatMap((host) => ports.map((port) => `${isIP(host) === 6 ? `[${host}]` : host}:${port}`));
}

function unique(list: readonly string[]): string[] {
  return [...new Set(list)];
}
