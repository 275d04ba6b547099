/**
 * One wording for every complaint: the package, the thing in quotes, what was expected and what came.
 * TypeError for a wrong type, RangeError for a wrong value or length.
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

export function typeError(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(`${PREFIX} "${name}" expected ${expected}, got ${describe(got)}`);
}

export function rangeError(name: string, expected: string, got: unknown): RangeError {
  return new RangeError(`${PREFIX} "${name}" expected ${expected}, got ${describe(got)}`);
}

export function checkLength(name: string, array: { readonly length: number }, expected: number): void {
  if (array.length !== expected)
    throw new RangeError(`${PREFIX} "${name}" expected length ${expected}, got ${array.length}`);
}

/** Throws unless `value` is an integer in [min, max]. */
export function checkInteger(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value)) throw typeError(name, "an integer", value);
  if (value < min || value > max) throw rangeError(name, `an integer from ${min} to ${max}`, value);
}

export function checkFloat32(name: string, value: unknown, length: number): asserts value is Float32Array {
  if (!(value instanceof Float32Array)) throw typeError(name, "a Float32Array", value);
  checkLength(name, value, length);
}

/** Throws at the first NaN or infinity: one such value would poison every score computed from it. */
export function checkFinite(name: string, values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) throw rangeError(`${name}[${i}]`, "a finite number", values[i]);
  }
}

/** A file or a value that does not keep to the format. Callers branch on it: keep the old version, answer 503. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(`${PREFIX} ${where}: ${what}`, options);
  }
}
