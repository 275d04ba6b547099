import { createHash } from "node:crypto";

/** What an event is for. */
export const SIDE = {
  train: 0,
  /** To be found, while training. */
  validation: 1,
  /** To be found, in `evaluate`. */
  test: 2,
  /** History of a user that is neither trained on nor to be found. */
  foldIn: 3,
  /** Weighs nothing: history of a user, others of whose events are trained on. */
  known: 4,
  /** Weighs less than nothing: not liked. */
  disliked: 5,
  /** Held out, but not to be found: weighs nothing, or less. */
  none: 6,
} as const;

/** The side of an event that no split has held out, by its weight. */
export const sideOfWeight = (weight: number): number =>
  weight > 0 ? SIDE.train : weight < 0 ? SIDE.disliked : SIDE.known;

/** Whether a side is out of what is known and trained on. */
export const isHeldOutSide = (side: number): boolean =>
  side === SIDE.validation || side === SIDE.test || side === SIDE.none;

/** What a column that gives the split may say, and what it means. */
export const GIVEN_SIDES: ReadonlyMap<string, number> = new Map([
  ["train", SIDE.train],
  ["0", SIDE.train],
  ["false", SIDE.train],
  ["test", SIDE.test],
  ["1", SIDE.test],
  ["true", SIDE.test],
  ["validation", SIDE.validation],
  ["valid", SIDE.validation],
  ["val", SIDE.validation],
  ["dev", SIDE.validation],
  ["history", SIDE.foldIn],
  ["fold-in", SIDE.foldIn],
]);

/**
 * What an event is for by the column that gives the split, in any case; undefined where it says nothing known. 1.0 is
 * 1: a column of 0 and 1 is often written so.
 */
export function givenSide(value: string): number | undefined {
  const plain = value.trim().toLowerCase();
  return GIVEN_SIDES.get(plain.replace(/^([01])\.0*$/, "$1"));
}

/** SHA-256, in hexadecimal, of which events are held out: the same only for the same split of the same events. */
export function hashOfHeldOut(sides: Uint8Array): string {
  return createHash("sha256")
    .update(sides.map((side) => Number(side === SIDE.test)))
    .digest("hex");
}
