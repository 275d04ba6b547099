import { fnv1a32 } from "@poeem/towers";
import { TextList } from "./text-list.ts";

const PRIME = 0x01000193;

/** A text is held out when fnv1a32 of its UTF-8 bytes is a multiple of `modulus`; 0 holds out nothing. */
export function isHeldOut(text: string, modulus: number): boolean {
  return modulus > 0 && fnv1a32(text) % modulus === 0;
}

/**
 * fnv1a32 of values joined by tabs, for millions of combinations of a few values: each value is turned into bytes once,
 * and the hash of the first value of a combination goes on from a stored state.
 */
export class JoinedHash {
  readonly #states: Uint32Array;
  readonly #rest: readonly TextList[];

  /** @param values the values of each part of a combination */
  constructor(values: readonly (readonly string[])[]) {
    const [first, ...rest] = values;
    this.#states = Uint32Array.from(first ?? [], fnv1a32);
    this.#rest = rest.map((texts) => new TextList(texts));
  }

  /** @param parts for each part the number of its value */
  of(parts: readonly number[]): number {
    let hash = this.#states[parts[0]!]!;
    for (let part = 1; part < parts.length; part++) {
      const { offsets, bytes } = this.#rest[part - 1]!;
      hash = Math.imul(hash ^ 9, PRIME);
      const end = offsets[parts[part]! + 1]!;
      for (let i = offsets[parts[part]!]!; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, PRIME);
    }
    return hash >>> 0;
  }
}

/** The `n` of the candidates whose hashes are smallest; ties by order. */
export function smallest(candidates: readonly number[], hashOf: (candidate: number) => number, n: number): number[] {
  if (n <= 0) return [];
  const hashes = Float64Array.from(candidates, hashOf);
  const limit = hashes.toSorted()[Math.min(n, hashes.length) - 1];
  const below = candidates.filter((_, i) => hashes[i]! < limit!);
  const at = candidates.filter((_, i) => hashes[i] === limit);
  return [...below, ...at.slice(0, n - below.length)];
}
