/** @throws Error that says which names an option takes */
export function unknownNamed(option: string, got: string, names: readonly string[]): never {
  throw new Error(`${option} expected ${names.join(", ")}, got ${got}`);
}
