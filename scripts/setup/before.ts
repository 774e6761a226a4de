/** What a stack's file says already, as answers: the defaults of the interview. */
import { z } from "zod";
import { type Given, type MachineAnswer, type Role } from "./answers.ts";

const text = z.union([z.string(), z.number()]).transform(String).optional().catch(undefined);
const texts = z.array(z.string()).optional().catch(undefined);
const machine = z.object({
  name: z.string(),
  install: text,
  system: text,
  address: text,
  hostKey: text,
  sshKey: text,
  signingKey: text,
});
const machines = z.array(machine).catch([]);

const server = {
  name: text,
  address: text,
  system: text,
  ssh: text,
  sshPort: text,
  hostKey: text,
  flake: text,
  configuration: text,
};

/** Only what can be read; the file is checked as a whole before it is written again. */
const file = z.object({
  server: z.object(server).partial().catch({}).default({}),
  populate: z
    .object({ outputs: z.union([z.string(), z.array(z.string())]) })
    .partial()
    .catch({})
    .default({}),
  retention: z.object({ diskBudget: text }).partial().catch({}).default({}),
  tailnet: z.object({ testUser: text, owners: texts }).partial().catch({}).default({}),
  ci: z.object({ enabled: z.boolean(), repository: text, auth: text, outputs: texts }).partial().catch({}).default({}),
  builders: machines.default([]),
  clients: machines.default([]),
});

/**
 * @param values the structured keys of the stack's file
 * @param announced names of builders whose keys are missing, which stand in comments
 */
export function answersBefore(values: unknown, announced: readonly string[] = []): Pick<Given, "values" | "machines"> {
  const { server: of, populate, retention, tailnet, ci, builders, clients } = file.parse(values);
  const { outputs } = populate;
  const found = {
    server: of.name,
    "server-address": of.address,
    "server-system": of.system,
    "server-ssh": of.ssh,
    "ssh-port": of.sshPort,
    "host-key": of.hostKey,
    flake: of.flake,
    configuration: of.configuration,
    outputs: Array.isArray(outputs) ? outputs.join(",") : outputs,
    "disk-budget": retention.diskBudget,
    "test-user": tailnet.testUser,
    owners: tailnet.owners?.join(","),
    ci: ci.enabled === true ? ci.repository : undefined,
    "ci-auth": ci.auth,
    "ci-outputs": ci.outputs?.join(","),
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  const readers = clients.map((client) => [client.name, answerOf(client, "client")] as const);
  const writers = builders.map(
    (builder) => [builder.name, answerOf(builder, builder.install === "ssh" ? "ssh" : "module")] as const,
  );
  const machines = Object.fromEntries([...readers, ...writers]);
  for (const name of announced) {
    if (machines[name] !== undefined) machines[name] = { ...machines[name], role: "module" };
  }
  return { values: Object.fromEntries(known), machines };
}

function answerOf(
  { system, address, hostKey, sshKey, signingKey }: z.output<typeof machine>,
  role: Role,
): MachineAnswer {
  const fields = Object.entries({ system, address, hostKey, sshKey, signingKey }).filter(
    ([, value]) => value !== undefined,
  );
  return { role, ...(Object.fromEntries(fields) as Omit<MachineAnswer, "role">) };
}
