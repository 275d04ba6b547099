/**
 * One wording for every complaint: the thing in quotes, what was expected and what came. InputError for what a search
 * was asked, FormatError for a file at fault; for calling code TypeError (wrong type) and RangeError (wrong value).
 */
const PREFIX = "[pq-core]";

/** Text as a message shows it: quoted, and cut to `most` characters. */
export function quote(text: string, most = 40): string {
  return JSON.stringify(text.length > most ? `${text.slice(0, most)}…` : text);
}

/** How a value is shown in a message: short, never the contents of a large array. */
export function describe(value: unknown): string {
  if (typeof value === "string") return quote(value, 60);
  if (ArrayBuffer.isView(value))
    return `${value.constructor.name}(${(value as Uint8Array).length ?? value.byteLength})`;
  if (Array.isArray(value)) return `Array(${value.length})`;
  if (typeof value === "object" && value !== null) return value.constructor?.name ?? "object";
  return String(value);
}

/** The message of anything thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, " ").trim();
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

/** For a value of a wrong type, by the calling code. */
export function typeError(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(complaint(name, expected, got));
}

/** For a wrong value, by the calling code. */
export function rangeError(name: string, expected: string, got: unknown): RangeError {
  return new RangeError(complaint(name, expected, got));
}

/** What a caller said cannot be used. A Worker answers 400 and a command one line, from `parameter` and `detail`. */
export class InputError extends Error {
  override readonly name = "InputError";
  /** What is at fault as the caller names it: "history", "k", "context.device", "ids[3]". */
  readonly parameter: string;
  /** Reads on after the name: "expected …, got …". */
  readonly detail: string;
  constructor(parameter: string, detail: string, options?: ErrorOptions) {
    super(`"${parameter}" ${detail}`, options);
    this.parameter = parameter;
    this.detail = detail;
  }
}

/** Throws what limits.ts found to be wrong with an id, a name or a value. @throws InputError */
export function checkLimits(parameter: string, fault: string | undefined): void {
  if (fault !== undefined) throw new InputError(parameter, fault);
}

/** What a check blames when the fault lies in what was asked for. */
export const INPUT = Symbol("input");
/** Whose fault it is: that of the calling code (left out), of the file so called, or of what was asked for. */
export type Blame = string | typeof INPUT | undefined;

/** Throws unless `ok`: a RangeError, for {@link INPUT} an InputError, for a file a FormatError. */
export function check(ok: boolean, name: string, expected: unknown, got: unknown, blame?: Blame): asserts ok {
  if (ok) return;
  if (blame === undefined) throw rangeError(name, String(expected), got);
  if (blame === INPUT) throw new InputError(name, `expected ${expected}, got ${describe(got)}`);
  const shown = typeof got === "object" ? JSON.stringify(got)?.slice(0, 60) : String(got);
  throw new FormatError(blame, `"${name}" expected ${expected}, got ${shown}`);
}

/** Throws at the first element that is not good, as {@link check} does. */
export function checkEach(
  name: string,
  values: ArrayLike<number>,
  expected: string,
  isGood: (value: number, index: number) => boolean,
  blame?: Blame,
): void {
  for (let i = 0; i < values.length; i++)
    if (!isGood(values[i]!, i)) check(false, `${name}[${i}]`, expected, values[i], blame);
}

/** Throws unless `value` is an instance of the class. */
export function checkType<T>(
  name: string,
  value: unknown,
  type: abstract new (...args: never[]) => T,
  blame?: Blame,
): asserts value is T {
  if (value instanceof type) return;
  if (blame === undefined) throw typeError(name, `a ${type.name}`, value);
  check(false, name, `a ${type.name}`, value, blame);
}

/** Throws unless there are `expected` elements. */
export function checkLength(
  name: string,
  { length }: { readonly length: number },
  expected: number,
  blame?: Blame,
): void {
  check(length === expected, name, `length ${expected}`, length, blame);
}

/** Throws unless `value` is an integer in [min, max]. */
export function checkInteger(name: string, value: unknown, min: number, max: number, blame?: Blame): void {
  if (blame === undefined && !Number.isInteger(value)) throw typeError(name, "an integer", value);
  const isInside = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  check(isInside, name, `an integer from ${min} to ${max}`, value, blame);
}

/** Throws unless `value` is a Float32Array of `length` numbers. */
export function checkFloat32(
  name: string,
  value: unknown,
  length: number,
  blame?: Blame,
): asserts value is Float32Array {
  checkType(name, value, Float32Array, blame);
  checkLength(name, value, length, blame);
}

/** Throws at the first NaN or infinity: one such value would poison every score computed from it. */
export function checkFinite(name: string, values: Float32Array, blame?: Blame): void {
  // 0 times a finite number is 0, times any other it is NaN: a call per number takes several times as long
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  if (sum !== 0) checkEach(name, values, "a finite number", Number.isFinite, blame);
}
