/** github.ActionsVariable and github.ActionsEnvironmentVariable: creation fails (409) where one exists already. */
import type { ResourceDouble } from "../shared/double.ts";
import type { Properties } from "../shared/table.ts";
import type { Bag } from "../shared/wire.ts";
import { joinId, stamps, texts, type Connection, type GithubClient } from "./client.ts";

const INPUTS: Properties = {
  repository: "string, required",
  value: "string, required",
  variableName: "string, required, replaces",
};

interface Variable {
  value: string;
  created_at: string;
  updated_at: string;
}

function folder(client: GithubClient, bag: Bag): string {
  const [repository = "", environment = ""] = texts(bag, "repository", "environment");
  const path = environment === "" ? "actions/variables" : `environments/${encodeURIComponent(environment)}/variables`;
  return client.repository(repository, path);
}

function variable(connection: Connection, inputs: Properties): ResourceDouble {
  const get = async (bag: Bag, signal: AbortSignal): Promise<Variable | undefined> => {
    const [name = ""] = texts(bag, "variableName");
    return connection().find<Variable>({ method: "GET", path: `${folder(connection(), bag)}/${name}`, signal });
  };
  return {
    inputs,
    outputs: { createdAt: "string", repositoryId: "number", updatedAt: "string" },
    alsoReplaces: (changed) => changed.filter((name) => name === "repository"),
    create: async (given, { signal }) => {
      const [repository = "", environment = "", name = "", value = ""] = texts(
        given,
        ...["repository", "environment", "variableName", "value"],
      );
      await connection().request({ method: "POST", path: folder(connection(), given), body: { name, value }, signal });
      const repositoryId = await connection().repositoryId(repository, signal);
      const state = { repositoryId, ...stamps(await get(given, signal)) };
      return { id: joinId(...[repository, environment, name].filter((part) => part !== "")), state };
    },
    update: async (_id, _state, given, { signal }) => {
      const [name = "", value = ""] = texts(given, "variableName", "value");
      const path = `${folder(connection(), given)}/${name}`;
      await connection().request({ method: "PATCH", path, body: { name, value }, signal });
      return stamps(await get(given, signal));
    },
    read: async (_id, state, { signal }) => {
      const found = await get(state, signal);
      return found === undefined ? undefined : { value: found.value, ...stamps(found) };
    },
    delete: async (_id, state, { signal }) => {
      const [name = ""] = texts(state, "variableName");
      await connection().allow([404], { method: "DELETE", path: `${folder(connection(), state)}/${name}`, signal });
    },
  };
}

/** github.ActionsVariable */
export function actionsVariable(connection: Connection): ResourceDouble {
  return variable(connection, INPUTS);
}

/** github.ActionsEnvironmentVariable */
export function actionsEnvironmentVariable(connection: Connection): ResourceDouble {
  return variable(connection, { ...INPUTS, environment: "string, required, replaces" });
}
