/** What is asked while everything goes wrong, and what the right answer is, by brute force. */
import { encodeVector } from "../src/http/vector.ts";
import { bruteForce, dim, type Fixture, rank, setOf } from "../test/fixture.ts";

/** Results that are asked for. */
export const K = 20;

export interface Result {
  readonly id: string;
  readonly score: number;
  readonly fields: { readonly seed: number; readonly set: string };
}

export interface SearchAnswer {
  readonly indexVersion: string;
  readonly results: readonly Result[];
}

export interface Scored {
  readonly id: string;
  readonly score: number;
}

export interface Question {
  readonly kind: string;
  /** Parameters, as an address and as JSON would carry them. */
  readonly parameters: Readonly<Record<string, string>>;
  /** All items that a version may answer with, best first. */
  readonly oracle: (fixture: Fixture) => readonly Scored[];
}

const indexOf = (id: string) => Number(id.slice("item:".length));
const without = (ranked: readonly Scored[], ids: readonly string[]) => ranked.filter(({ id }) => !ids.includes(id));
const vector = Float32Array.from({ length: dim }, (_, d) => Math.sin(d + 1));
/** Items of a history; deltas leave them, and item:7, alone. */
const history = ["item:3", "item:99", "item:1500"];

/** Every kind of search, over all cells. */
export const questions: readonly Question[] = [
  ...["birthday cake", "誕生日", "x y z"].map((q) => ({
    kind: "q",
    parameters: { q },
    oracle: (fixture: Fixture) => bruteForce(fixture, q, fixture.ids.length),
  })),
  { kind: "vector", parameters: { vector: encodeVector(vector) }, oracle: (fixture) => rank(fixture, vector) },
  {
    kind: "like",
    parameters: { like: "item:7" },
    oracle: (fixture) => without(rank(fixture, fixture.decoded[7]!), ["item:7"]),
  },
  {
    kind: "history",
    parameters: { history: history.join() },
    oracle(fixture) {
      const best = new Map<string, number>();
      for (const id of history) {
        for (const { id: other, score } of rank(fixture, fixture.decoded[indexOf(id)]!))
          best.set(other, Math.max(score, best.get(other) ?? Number.NEGATIVE_INFINITY));
      }
      const ranked = Array.from(best, ([id, score]) => ({ id, score })).sort((a, b) => b.score - a.score);
      return without(ranked, history);
    },
  },
  {
    kind: "filter",
    parameters: { q: "birthday cake", filter: "set:even" },
    oracle: (fixture) =>
      bruteForce(fixture, "birthday cake", fixture.ids.length).filter(({ id }) => setOf(indexOf(id)) === "even"),
  },
];

/** The ith question as one search of a POST. */
export function asBody({ kind, parameters }: Question): Readonly<Record<string, unknown>> {
  return { ...parameters, ...(kind === "history" && { history }) };
}

/**
 * One version, one seed, and every score the one that belongs at its place. Ids may only differ among equal scores.
 * @returns what is wrong
 */
export function faultOf({ results }: SearchAnswer, expected: readonly Scored[], seed: number): string | undefined {
  if (results.length !== Math.min(K, expected.length)) return `${results.length} results`;
  for (const [i, { id, score, fields }] of results.entries()) {
    if (fields.seed !== seed) return `fields of seed ${fields.seed} in a version of seed ${seed}`;
    if (Math.abs(score - expected[i]!.score) > 1e-4)
      return `score ${score} at ${i}, expected ${expected[i]!.score} (${id})`;
  }
  return undefined;
}
