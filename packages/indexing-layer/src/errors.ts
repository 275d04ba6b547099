/** What the layer was given cannot be used: `[indexing-layer] "dim" expected ..., got ...`. */
export class LayerError extends Error {
  override readonly name = "LayerError";
  /** The option or argument at fault. */
  readonly parameter: string;
  /** Reads on after the name: "expected …, got …". */
  readonly detail: string;

  constructor(parameter: string, expected: string, got: unknown) {
    const detail = `expected ${expected}, got ${String(got)}`;
    super(`[indexing-layer] "${parameter}" ${detail}`);
    this.parameter = parameter;
    this.detail = detail;
  }
}

export function fail(name: string, expected: string, got: unknown): never {
  throw new LayerError(name, expected, got);
}

export function expectInteger(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    fail(name, max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer in ${min}..${max}`, value);
  }
}

export function expectNumber(name: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  if (!(value >= min && value <= max)) {
    fail(name, max === Number.POSITIVE_INFINITY ? `a number >= ${min}` : `a number in ${min}..${max}`, value);
  }
}

export function expectOneOf<T extends string | number>(name: string, value: T, choices: readonly T[]): void {
  if (!choices.includes(value)) fail(name, `one of ${choices.join(", ")}`, value);
}

export function expectFinite(name: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) fail(name, "finite numbers", `${values[i]} at index ${i}`);
  }
}
