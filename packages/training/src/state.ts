import type { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";

/** One entry of a state: a typed array (often a view of the live one: write it before the next step) or a number. */
export type StateValue = Float32Array | Float64Array | Uint32Array | Uint8Array | number;
/** Everything a component needs to go on as if it had never stopped, flat, by name. */
export type State = Readonly<Record<string, StateValue>>;

/** A part of training that a checkpoint holds. `restore(await state())` changes nothing. */
export interface Stateful {
  state(): State | Promise<State>;
  /** @throws UserError when an entry is missing or has another length */
  restore(state: State): void;
}

/** Puts states into one, each entry under `part/`. */
export async function joinStates(parts: Readonly<Record<string, Stateful>>): Promise<State> {
  const joined: Record<string, StateValue> = {};
  for (const [part, component] of Object.entries(parts)) {
    for (const [name, value] of Object.entries(await component.state())) joined[`${part}/${name}`] = value;
  }
  return joined;
}

/** Gives each part what `joinStates` took from it. */
export function restoreParts(parts: Readonly<Record<string, Stateful>>, state: State): void {
  for (const [part, component] of Object.entries(parts)) component.restore(partOfState(state, part));
}

/** The entries under `part/`, without that prefix. */
export function partOfState(state: State, part: string): State {
  const prefix = `${part}/`;
  return Object.fromEntries(
    Object.entries(state).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}

/** An array of a state, of the type and length of `like`. */
export function stateArray<T extends Exclude<StateValue, number>>(state: State, name: string, like: T): T {
  const value = state[name];
  const expected = `${like.constructor.name} of length ${like.length}`;
  if (value === undefined || typeof value === "number" || value.constructor !== like.constructor)
    throw new UserError(`checkpoint "${name}" expected a ${expected}, got ${value?.constructor.name ?? "nothing"}`);
  if (value.length !== like.length)
    throw new UserError(`checkpoint "${name}" expected a ${expected}, got length ${value.length}`);
  return value as T;
}

/** A number of a state. @throws UserError when it is not there */
export function stateNumber(state: State, name: string): number {
  const value = state[name];
  if (typeof value !== "number") throw new UserError(`checkpoint "${name}" expected a number, got ${typeof value}`);
  return value;
}

/** A random generator as a part of a checkpoint. */
export function randomState(random: Random): Stateful {
  return {
    state: () => ({ state: random.state }),
    restore: (state) => {
      random.state = stateNumber(state, "state");
    },
  };
}
