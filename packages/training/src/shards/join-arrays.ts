/** Arrays one behind the other. */
export function joinArrays<T extends Uint8Array | Uint32Array | Float32Array | Float64Array>(
  type: new (length: number) => T,
  parts: readonly T[],
): T {
  const all = new type(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
