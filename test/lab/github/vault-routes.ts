/** Variables and secrets of a repository (`actions/…`) or of an environment. */
import { existing, Refusal, textOf, timestamp, type Exchange, type Reply } from "./exchange.ts";
import type { Entry, Vault } from "./state.ts";
import { open } from "./vault.ts";

/** Largest secret and variable (docs.github.com/actions: 48 KB each). */
const MAX_BYTES = 48 * 1024;

function checkName(name: string): string {
  if (/^(?!GITHUB_)[A-Z_][A-Z0-9_]*$/i.test(name)) return name.toUpperCase();
  throw new Refusal(422, "Validation Failed", [
    "Names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_), must not start with a number or GITHUB_",
  ]);
}

function checkSize(value: string): string {
  if (Buffer.byteLength(value) <= MAX_BYTES) return value;
  throw new Refusal(422, "Validation Failed", [`Value is too large; the limit is ${MAX_BYTES} bytes`]);
}

function put(entries: Record<string, Entry>, name: string, value: string): boolean {
  const before = entries[name];
  const now = timestamp();
  entries[name] = { value, created: before?.created ?? now, updated: now };
  return before !== undefined;
}

function describe(name: string, entry: Entry): Record<string, string> {
  return { name, created_at: entry.created, updated_at: entry.updated };
}

function variables(exchange: Exchange, vault: Vault, name: string | undefined): Reply {
  const { method, body } = exchange;
  const entries = vault.variables;
  const shown = (key: string, entry: Entry) => ({ ...describe(key, entry), value: entry.value });
  if (name === undefined) {
    if (method !== "POST") {
      const list = Object.entries(entries).map(([key, entry]) => shown(key, entry));
      return { status: 200, body: { total_count: list.length, variables: list } };
    }
    const wanted = checkName(textOf(body, "name"));
    if (entries[wanted] !== undefined) throw new Refusal(409, "Already exists - Variable already exists");
    put(entries, wanted, checkSize(textOf(body, "value")));
    return { status: 201, body: {} };
  }
  const key = name.toUpperCase();
  const entry = existing(entries[key]);
  if (method === "GET") return { status: 200, body: shown(key, entry) };
  if (method === "PATCH") put(entries, key, checkSize(textOf(body, "value", entry.value)));
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a record read from JSON
  if (method === "DELETE") delete entries[key];
  return { status: 204 };
}

function checkBox(body: Record<string, unknown>, vault: Vault): string {
  const box = textOf(body, "encrypted_value");
  if (textOf(body, "key_id") !== vault.keys.id) throw new Refusal(422, "The key_id is not the one of the public key");
  try {
    checkSize(open(box, vault.keys));
    return box;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(422, "Improperly encrypted secret");
  }
}

function secrets({ method, body }: Exchange, vault: Vault, name: string | undefined): Reply {
  const entries = vault.secrets;
  if (name === undefined) {
    const list = Object.entries(entries).map(([key, entry]) => describe(key, entry));
    return { status: 200, body: { total_count: list.length, secrets: list } };
  }
  if (name === "public-key") return { status: 200, body: { key_id: vault.keys.id, key: vault.keys.publicKey } };
  const key = checkName(name);
  if (method === "PUT") return put(entries, key, checkBox(body, vault)) ? { status: 204 } : { status: 201, body: {} };
  const entry = existing(entries[key]);
  if (method === "GET") return { status: 200, body: describe(key, entry) };
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a record read from JSON
  delete entries[key];
  return { status: 204 };
}

/** Answers `secrets…` and `variables…`; `parts` begins with one of these. */
export function vaultRoutes(exchange: Exchange, vault: Vault): Reply | undefined {
  const [kind, name, more] = exchange.parts;
  if (more !== undefined) return undefined;
  if (kind === "variables") return variables(exchange, vault, name);
  return kind === "secrets" ? secrets(exchange, vault, name) : undefined;
}
