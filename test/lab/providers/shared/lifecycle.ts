/** What every double's resource does the same way: diff, state with secret marks, preview. */
import { isDeepStrictEqual } from "node:util";
import type { ResourceDouble } from "./double.ts";
import { mustBeSecret, parseProperty } from "./table.ts";
import { hasUnknown, isSecret, reveal, revealBag, secret, UNKNOWN, type Bag, type Wire } from "./wire.ts";

function changed(double: ResourceDouble, name: string, state: Bag, oldInputs: Bag, news: Bag): boolean {
  const now = news[name];
  if (now === undefined || now === null) return (oldInputs[name] ?? null) !== null;
  if (hasUnknown(now)) return true;
  // The state, not the old inputs: after a refresh it holds what is really there.
  const old = reveal(state[name] ?? null);
  const same = double.same?.[name] ?? isDeepStrictEqual;
  return !same(old, reveal(now));
}

/** Which inputs changed, and which of those force a replacement. */
export function difference(
  double: ResourceDouble,
  state: Bag,
  oldInputs: Bag,
  news: Bag,
): { changes: string[]; replaces: string[] } {
  const drifted = double.drifted?.(revealBag(state)) ?? [];
  const changes = Object.keys(double.inputs).filter(
    (name) => drifted.includes(name) || changed(double, name, state, oldInputs, news),
  );
  const also = double.alsoReplaces?.(changes) ?? [];
  const replaces = changes.filter((name) => {
    const property = double.inputs[name];
    return also.includes(name) || (property !== undefined && parseProperty(property).replaces);
  });
  return { changes, replaces };
}

/** The state to store: inputs as given (marks kept) and `computed` over them, marked secret where they must be. */
export function stateOf(double: ResourceDouble, inputs: Bag, computed: Bag): Bag {
  const state: Bag = { ...inputs };
  for (const [name, value] of Object.entries(computed)) {
    const marked = mustBeSecret(double.outputs[name] ?? double.inputs[name], inputs[name]);
    state[name] = marked ? secret(value) : value;
  }
  for (const [name, property] of Object.entries(double.inputs)) {
    const value = state[name];
    if (value !== undefined && parseProperty(property).secret && !isSecret(value)) state[name] = secret(value);
  }
  return state;
}

/** What a create will give, as far as it is known before. */
export function previewCreate(double: ResourceDouble, inputs: Bag): Bag {
  return stateOf(double, inputs, allUnknown(Object.keys(double.outputs)));
}

/** What an update will give: computed outputs stay as they are unless the double says otherwise. */
export function previewUpdate(double: ResourceDouble, state: Bag, inputs: Bag): Bag {
  const kept: Bag = {};
  for (const name of Object.keys(double.outputs)) {
    const value: Wire | undefined = state[name];
    if (value !== undefined) kept[name] = value;
  }
  return stateOf(double, inputs, { ...kept, ...allUnknown(double.unknownOnUpdate ?? []) });
}

function allUnknown(names: string[]): Bag {
  return Object.fromEntries(names.map((name) => [name, UNKNOWN]));
}
