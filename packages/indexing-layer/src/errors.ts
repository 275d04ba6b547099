import { InputError } from "@poeem/pq-core";

/** What the layer was given cannot be used. @throws InputError "expected …, got …" of the option `name` */
export function fail(name: string, expected: string, got: unknown): never {
  throw new InputError(name, `expected ${expected}, got ${got}`);
}

/** @throws InputError unless `value` is an integer from `min` to `max` */
export function expectInteger(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    fail(name, max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer in ${min}..${max}`, value);
  }
}

/** @throws InputError unless `value` is a number from `min` to `max` */
export function expectNumber(name: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  if (!(value >= min && value <= max)) {
    fail(name, max === Number.POSITIVE_INFINITY ? `a number >= ${min}` : `a number in ${min}..${max}`, value);
  }
}

/** @throws InputError unless `value` is one of `choices` */
export function expectOneOf<T extends string | number>(name: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value)) fail(name, `one of ${choices.join(", ")}`, value);
}

/** @throws InputError naming the first NaN or infinity */
export function expectFinite(name: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) fail(name, "finite numbers", `${values[i]} at index ${i}`);
  }
}
