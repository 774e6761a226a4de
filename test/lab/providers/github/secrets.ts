/** github.ActionsSecret and github.ActionsEnvironmentSecret: the value is sealed here with the repository's key. */
import sodium from "libsodium-wrappers";
import type { Operation, ResourceDouble } from "../shared/double.ts";
import type { Failure, Properties } from "../shared/table.ts";
import type { Bag } from "../shared/wire.ts";
import { joinId, stamps, texts, type Connection, type GithubClient } from "./client.ts";

const VALUES = ["value", "valueEncrypted", "encryptedValue", "plaintextValue"];

const INPUTS: Properties = {
  encryptedValue: "string, secret",
  keyId: "string",
  plaintextValue: "string, secret",
  repository: "string, required",
  secretName: "string, required, replaces",
  value: "string, secret",
  valueEncrypted: "string, secret",
};
const OUTPUTS: Properties = {
  createdAt: "string",
  remoteUpdatedAt: "string",
  repositoryId: "number",
  updatedAt: "string",
};

function exactlyOneValue(inputs: Bag): Failure[] {
  const given = VALUES.filter((name) => inputs[name] !== undefined);
  if (given.length === 1) return [];
  const found = given.length === 0 ? "none" : given.join(", ");
  return [{ property: "value", reason: `exactly one of ${VALUES.join(", ")} must be set; got ${found}` }];
}

async function seal(value: string, publicKey: string): Promise<string> {
  await sodium.ready;
  const key = sodium.from_base64(publicKey, sodium.base64_variants.ORIGINAL);
  return sodium.to_base64(sodium.crypto_box_seal(value, key), sodium.base64_variants.ORIGINAL);
}

// Path of the secrets, of the repository or of one environment.
function folder(client: GithubClient, bag: Bag): string {
  const [repository = "", environment = ""] = texts(bag, "repository", "environment");
  const path = environment === "" ? "actions/secrets" : `environments/${encodeURIComponent(environment)}/secrets`;
  return client.repository(repository, path);
}

interface Stamps {
  created_at: string;
  updated_at: string;
}

async function put(client: GithubClient, inputs: Bag, { signal }: Operation): Promise<Bag> {
  const [repository = "", name = "", value = "", plain = "", encrypted = "", old = "", given = ""] = texts(
    inputs,
    ...["repository", "secretName", "value", "plaintextValue", "valueEncrypted", "encryptedValue", "keyId"],
  );
  const path = folder(client, inputs);
  const repositoryId = await client.repositoryId(repository, signal);
  let keyId = given;
  let sealed = encrypted || old;
  if (keyId === "" || sealed === "") {
    const found = await client.json<{ key_id: string; key: string }>({
      method: "GET",
      path: `${path}/public-key`,
      signal,
    });
    keyId = found.key_id;
    sealed ||= await seal(value || plain, found.key);
  }
  const body = { encrypted_value: sealed, key_id: keyId };
  await client.request({ method: "PUT", path: `${path}/${name}`, body, signal });
  const stored = await client.find<Stamps>({ method: "GET", path: `${path}/${name}`, signal });
  return { repositoryId, keyId, ...stamps(stored), remoteUpdatedAt: stored?.updated_at ?? "" };
}

function secret(connection: Connection, inputs: Properties): ResourceDouble {
  return {
    inputs,
    outputs: OUTPUTS,
    unknownOnUpdate: ["updatedAt", "remoteUpdatedAt"],
    // The real provider compares repository ids, so that a renamed repository is an update.
    alsoReplaces: (changed) => changed.filter((name) => name === "repository"),
    validate: exactlyOneValue,
    // Someone else wrote it: the value is sent again.
    drifted: (state) => (state.remoteUpdatedAt === state.updatedAt ? [] : VALUES.filter((name) => name in state)),
    create: async (given, operation) => {
      const [repository = "", environment = "", name = ""] = texts(given, "repository", "environment", "secretName");
      const state = await put(connection(), given, operation);
      return { id: joinId(...[repository, environment, name].filter((part) => part !== "")), state };
    },
    update: async (_id, _state, given, operation) => put(connection(), given, operation),
    read: async (_id, state, { signal }) => {
      const [name = ""] = texts(state, "secretName");
      const path = `${folder(connection(), state)}/${name}`;
      const stored = await connection().find<Stamps>({ method: "GET", path, signal });
      // Drift shows as remoteUpdatedAt differing from updatedAt; the value itself cannot be read.
      return stored === undefined ? undefined : { remoteUpdatedAt: stored.updated_at };
    },
    delete: async (_id, state, { signal }) => {
      const [name = ""] = texts(state, "secretName");
      await connection().allow([404], { method: "DELETE", path: `${folder(connection(), state)}/${name}`, signal });
    },
  };
}

/** github.ActionsSecret */
export function actionsSecret(connection: Connection): ResourceDouble {
  return secret(connection, { ...INPUTS, destroyOnDrift: "boolean" });
}

/** github.ActionsEnvironmentSecret */
export function actionsEnvironmentSecret(connection: Connection): ResourceDouble {
  return secret(connection, { ...INPUTS, environment: "string, required, replaces" });
}
