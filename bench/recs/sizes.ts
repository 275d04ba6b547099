import type { SetKind } from "./sets.ts";

/** Codes of ours in so many bytes. */
export const codesIn = (nbits: 4 | 8, bytes: number): number => (8 * bytes) / nbits;

/** The rule of `poeem train`: each code stands for as many dimensions. */
const isPossible = (kind: SetKind, bytes: number): boolean => kind.dim(bytes) % codesIn(kind.nbits(bytes), bytes) === 0;

/** @throws Error for a size of which ours cannot have codes, with the nearest ones that it can */
export function checkSizes(kind: SetKind, bytes: readonly number[]): void {
  const wrong = bytes.find((size) => !isPossible(kind, size));
  if (wrong === undefined) return;
  const around = Array.from({ length: 2 * wrong }, (_, i) => i + 1).filter((size) => isPossible(kind, size));
  const near = [around.findLast((size) => size < wrong), around.find((size) => size > wrong)];
  const dim = kind.dim(wrong);
  throw new Error(
    `--bytes expected sizes whose codes of ${kind.nbits(wrong)} bits share out ${dim} dimensions, ` +
      `such as ${near.filter((size) => size !== undefined).join(" and ")}, got ${wrong}: ` +
      `${codesIn(kind.nbits(wrong), wrong)} codes for ${dim} dimensions`,
  );
}
