/** A recorder behind Pulumi's mocks: what was declared, in order, with its inputs unwrapped and its secrets marked. */
import * as pulumi from "@pulumi/pulumi";

/** One resource as the engine would have been asked for it. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  /** The inputs, secrets unwrapped; which of them were secret stands in `secretInputs`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly secretInputs: readonly string[];
}

/** State that a mocked resource answers with besides its inputs, by type token. */
export type Answers = Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>, name: string) => object>>;

/** Answers of provider functions, by token; a function that is not named here fails the test. */
export type Calls = Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>) => object>>;

const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const signatureKey = "4dabf18193072939515e22adb298388d";

function isWrapped(value: unknown): value is { value: unknown } {
  return (
    typeof value === "object" && value !== null && (value as Record<string, unknown>)[signatureKey] === secretSignature
  );
}

/** Takes secret wrappers off, at any depth. */
function unwrap(value: unknown): unknown {
  if (isWrapped(value)) return unwrap(value.value);
  if (Array.isArray(value)) return value.map(unwrap);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unwrap(inner)]));
}

/** What the current mocks recorded, and the means to wait until every resource is there. */
export interface Recorder {
  readonly resources: Recorded[];
  /** Names of resources of a type, in the order of their declaration. */
  named(type: string): string[];
  /** The one resource of this name. @throws when there is none */
  find(name: string): Recorded;
}

/** Puts a fresh recorder behind Pulumi; await it, and only then construct components. */
export async function recordMocks(
  options: { answers?: Answers; calls?: Calls; stack?: string; preview?: boolean } = {},
): Promise<Recorder> {
  const resources: Recorded[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        const raw = inputs as Record<string, unknown>;
        const plain = unwrap(raw) as Record<string, unknown>;
        const secretInputs = Object.keys(raw).filter((key) => isWrapped(raw[key]));
        resources.push({ type, name, inputs: plain, secretInputs });
        return { id: `${name}-id`, state: { ...raw, ...options.answers?.[type]?.(plain, name) } };
      },
      call: ({ token, inputs }) => {
        const answer = options.calls?.[token];
        if (answer === undefined) throw new Error(`the program called ${token}, which this test does not expect`);
        return answer(inputs as Record<string, unknown>);
      },
    },
    "nix-binary-cache",
    options.stack ?? "test",
    options.preview ?? false,
  );
  return {
    resources,
    named: (type) => resources.filter((resource) => resource.type === type).map(({ name }) => name),
    find(name) {
      const found = resources.find((resource) => resource.name === name);
      if (found === undefined)
        throw new Error(`no resource "${name}"; there are ${resources.map((r) => r.name).join(", ")}`);
      return found;
    },
  };
}

/** The value of an output, and whether it is secret. */
export function settled<T>(output: pulumi.Output<T>): Promise<{ value: T; secret: boolean; urn?: string }> {
  return new Promise((resolve, reject) => {
    const secret = pulumi.isSecret(output);
    output.apply((value) => {
      secret.then((isSecret) => resolve({ value: value, secret: isSecret }), reject);
    });
  });
}
