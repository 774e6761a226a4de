/**
 * The stack's file: made from the example's form, or an existing one with only what was answered changed. Comments,
 * secrets and settings that setup does not ask for stay as they are.
 */
import { type Document, isMap, isSeq, parseDocument, type YAMLMap } from "yaml";
import { announce, unannounce } from "./announcement.ts";
import { lacksKeys, type MachinePlan, type Plan } from "./plan.ts";
import { isNode, pairOf, path } from "./sections.ts";

const header = ` yaml-language-server: $schema=docs/config.schema.json

 Written by \`npm run setup\`; yours to edit. Every setting, with its default and a sentence, stands in
 docs/config.schema.json; your editor shows them here. A wrong one is named by the next preview.`;

/** Printed as the example is. */
const format = { lineWidth: 120, indentSeq: true, flowCollectionPadding: false };

/** What a setting is when nobody says otherwise: not written into a new file. */
const serverDefaults: Readonly<Record<string, unknown>> = { system: "x86_64-linux", sshPort: 22, ssh: "openssh" };

/**
 * The text of Pulumi.<stack>.yaml.
 *
 * @param example the text of Pulumi.dev.yaml
 * @param existing the stack's file where there is one
 * @throws Error when the existing file is not YAML
 */
export function stackFile(example: string, existing: string | undefined, plan: Plan): string {
  const document = existing === undefined ? fresh(example, plan) : parsed(existing);
  applyServer(document, plan);
  applyMachines(document, plan.machines);
  for (const name of plan.leftOut) leaveOut(document, name);
  setIn(document, "populate", "outputs", plan.outputs);
  setIn(document, "retention", "diskBudget", plan.diskBudget);
  applyTestUser(document, plan.testUser);
  applyOwners(document, plan.owners);
  applyCi(document, plan.ci);
  return document.toString(format);
}

/** The structured values of a stack's file, by their names without the project's prefix. @throws Error when it is not YAML */
export function stackValues(text: string): Record<string, unknown> {
  const { config = {} } = (parsed(text).toJS() ?? {}) as { config?: Record<string, unknown> };
  const prefix = "nix-binary-cache:";
  const own = Object.entries(config).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

function parsed(text: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`the stack's file is not YAML: ${error.message.split("\n")[0] ?? ""}`);
  return document;
}

/** The example without what is only an example. */
function fresh(example: string, { server, testUser, ci }: Plan): Document {
  const address = String(parsed(example).getIn(["config", path("server"), "address"]));
  const document = parsed(example.replaceAll(address, server.address));
  const top = isMap(document.contents) ? document.contents.items[0]?.key : undefined;
  if (isNode(top)) top.commentBefore = header;
  for (const list of ["builders", "clients"]) document.setIn(["config", path(list)], document.createNode([]));
  const populate = pairOf(document, "populate")?.key;
  if (isNode(populate))
    populate.commentBefore = " What the server builds on its schedule, and how much of its disk the cache may take.";
  if (testUser === undefined) document.deleteIn(["config", path("tailnet")]);
  if (ci === undefined) document.deleteIn(["config", path("ci")]);
  return document;
}

function applyServer(document: Document, { server }: Plan): void {
  for (const [key, value] of Object.entries(server)) {
    const there = document.hasIn(["config", path("server"), key]);
    if (there || serverDefaults[key] !== value) setIn(document, "server", key, value);
  }
}

function applyTestUser(document: Document, user: string | undefined): void {
  const there = document.hasIn(["config", path("tailnet"), "testUser"]);
  if (user !== undefined) setIn(document, "tailnet", "testUser", user);
  else if (there) document.deleteIn(["config", path("tailnet"), "testUser"]);
}

function applyOwners(document: Document, owners: readonly string[]): void {
  const there = document.hasIn(["config", path("tailnet"), "owners"]);
  if (there || owners.join(",") !== "autogroup:admin") setIn(document, "tailnet", "owners", owners);
}

/** What CI is stays in the file when it is switched off. */
function applyCi(document: Document, ci: Plan["ci"]): void {
  if (ci === undefined) {
    if (document.getIn(["config", path("ci"), "enabled"]) === true) setIn(document, "ci", "enabled", false);
    return;
  }
  for (const [key, value] of Object.entries({ enabled: true, ...ci })) setIn(document, "ci", key, value);
}

function applyMachines(document: Document, machines: readonly MachinePlan[]): void {
  for (const machine of machines) {
    const { name, system, address } = machine;
    upsert(document, "clients", address === undefined ? { name, system } : { name, system, address });
    if (machine.role === "client" || lacksKeys(machine)) continue;
    upsert(document, "builders", builderOf(machine));
    unannounce(document, name);
  }
  for (const machine of machines.filter(lacksKeys)) announce(document, machine);
}

function builderOf({ name, role, system, address, hostKey, sshKey, signingKey }: MachinePlan): Record<string, unknown> {
  const fields = { name, system, install: role === "ssh" ? "ssh" : undefined, address, hostKey, sshKey, signingKey };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function leaveOut(document: Document, name: string): void {
  unannounce(document, name);
  for (const list of ["builders", "clients"]) {
    const sequence = document.getIn(["config", path(list)]);
    if (!isSeq(sequence)) continue;
    const index = sequence.items.findIndex((item) => isMap(item) && item.get("name") === name);
    if (index >= 0) sequence.delete(index);
  }
}

/** Changes the fields of the list's item of that name, or adds an item. */
function upsert(document: Document, list: string, fields: Readonly<Record<string, unknown>>): void {
  const sequence = document.getIn(["config", path(list)]);
  if (!isSeq(sequence)) {
    document.setIn(["config", path(list)], document.createNode([fields]));
    return;
  }
  const item = sequence.items.find((candidate) => isMap(candidate) && candidate.get("name") === fields.name);
  if (isMap(item)) for (const [key, value] of Object.entries(fields)) setUnlessSame(item, key, value, document);
  else {
    sequence.flow = false;
    sequence.add(document.createNode(fields));
  }
}

function setUnlessSame(map: YAMLMap, key: string, value: unknown, document: Document): void {
  if (JSON.stringify(plain(map.get(key))) !== JSON.stringify(value))
    map.set(key, typeof value === "object" ? document.createNode(value) : value);
}

function plain(value: unknown): unknown {
  return isNode(value) && "toJSON" in value ? (value as { toJSON: () => unknown }).toJSON() : value;
}

function setIn(document: Document, section: string, key: string, value: unknown): void {
  const map = document.getIn(["config", path(section)]);
  if (isMap(map)) setUnlessSame(map, key, value, document);
  else document.setIn(["config", path(section)], document.createNode({ [key]: value }));
}
