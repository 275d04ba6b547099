/**
 * One wording for every complaint: the package, the thing in quotes, what was expected and what came.
 * TypeError for a wrong type, RangeError for a wrong value or length, FormatError for a file that is at fault.
 */
const PREFIX = "[pq-core]";

/** How a value is shown in a message: short, never the contents of a large array. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name}(${(value as Uint8Array).length ?? value.byteLength})`;
  if (Array.isArray(value)) return `Array(${value.length})`;
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "object";
  return String(value);
}

/** A file or a value that does not keep to the format. Callers branch on it: keep the old version, answer 503. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(`${PREFIX} ${where}: ${what}`, options);
  }
}

const complaint = (name: string, expected: unknown, got: unknown): string =>
  `${PREFIX} "${name}" expected ${expected}, got ${describe(got)}`;

export function typeError(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(complaint(name, expected, got));
}

export function rangeError(name: string, expected: string, got: unknown): RangeError {
  return new RangeError(complaint(name, expected, got));
}

/**
 * What a caller said cannot be used: callers test for the class and show `parameter` and `detail`, as a Worker's 400 or a
 * command's one line.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  /** What is at fault as the question names it: "history", "k", "context.device". */
  readonly parameter: string;
  /** Reads on after the name: "expected …, got …". */
  readonly detail: string;
  constructor(parameter: string, detail: string, options?: ErrorOptions) {
    super(`"${parameter}" ${detail}`, options);
    this.parameter = parameter;
    this.detail = detail;
  }
}

/** Throws unless `ok`: a RangeError, or, when `where` names a file, a FormatError. */
export function check(ok: boolean, name: string, expected: unknown, got: unknown, where?: string): asserts ok {
  if (ok) return;
  if (where === undefined) throw new RangeError(complaint(name, expected, got));
  const shown = typeof got === "object" ? JSON.stringify(got)?.slice(0, 60) : String(got);
  throw new FormatError(where, `"${name}" expected ${expected}, got ${shown}`);
}

/** Throws at the first element that is not good, as {@link check} does. */
export function checkEach(
  name: string,
  values: ArrayLike<number>,
  expected: string,
  isGood: (value: number, index: number) => boolean,
  where?: string,
): void {
  for (let i = 0; i < values.length; i++)
    if (!isGood(values[i]!, i)) check(false, `${name}[${i}]`, expected, values[i], where);
}

/** Throws unless `value` is an instance of the class. */
export function checkType<T>(
  name: string,
  value: unknown,
  type: abstract new (...args: never[]) => T,
): asserts value is T {
  if (!(value instanceof type)) throw typeError(name, `a ${type.name}`, value);
}

export function checkLength(name: string, { length }: { readonly length: number }, expected: number): void {
  check(length === expected, name, `length ${expected}`, length);
}

/** Throws unless `value` is an integer in [min, max]. */
export function checkInteger(name: string, value: unknown, min: number, max: number, where?: string): void {
  if (where === undefined && !Number.isInteger(value)) throw typeError(name, "an integer", value);
  const isInside = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  check(isInside, name, `an integer from ${min} to ${max}`, value, where);
}

export function checkFloat32(name: string, value: unknown, length: number): asserts value is Float32Array {
  checkType(name, value, Float32Array);
  checkLength(name, value, length);
}

/** Throws at the first NaN or infinity: one such value would poison every score computed from it. */
export function checkFinite(name: string, values: Float32Array): void {
  // 0 times a finite number is 0, times any other it is NaN: a call a number takes several times as long
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum !== 0) checkEach(name, values, "a finite number", Number.isFinite);
}
