/**
 * BM25F (Robertson, Zaragoza and Taylor 2004; Zaragoza et al. 2004) as impacts: how much of a term's weight an item
 * that has it gets. Saturation, field lengths and field weights are folded in, so that a reader needs nothing but how
 * many items have a term.
 */
import { MOST_IMPACT } from "@poeem/pq-core/write";
import type { Csr } from "../data/csr.ts";

const K1 = 1.2;
/** How far a longer field counts less: not at all at 0, in proportion at 1. */
const B = 0.75;

/** What is the same for all items. */
export interface FieldStatistics {
  readonly weight: number;
  /** Mean number of terms over the items that have any in this field. */
  readonly averageLength: number;
  /** Default: ¾. 0 where a field is long because an item is asked for often. */
  readonly b?: number | undefined;
}

/** A field of items. */
export interface Field extends FieldStatistics {
  /** Numbers of the terms of each item, repeats kept. */
  readonly terms: Csr;
}

/** Distinct terms of each item with their impacts: three of the members of `ItemWords`. */
export interface Impacts {
  readonly offsets: Uint32Array;
  readonly numbers: Uint32Array;
  readonly impacts: Uint8Array;
}

/** Mean length of the lists that are not empty; 0 where all are. */
export function averageLength({ offsets, values }: Csr): number {
  let filled = 0;
  for (let i = 0; i + 1 < offsets.length; i++) if (offsets[i + 1]! > offsets[i]!) filled++;
  return values.length / Math.max(1, filled);
}

/** Distinct terms of each item, and a value for each. */
interface TermValues<T> {
  readonly offsets: Uint32Array;
  readonly numbers: Uint32Array;
  readonly values: T;
}

/**
 * impact = ⌈15 · tf̃ / (tf̃ + 1.2)⌉ with tf̃ = Σ over fields of weight · tf / (1 − b + b · length / averageLength). The
 * mean of a length is over items that have the field: else one query in a catalogue of many items would be infinitely
 * long.
 */
export function impactsOf(fields: readonly Field[], numItems: number, numTerms: number): Impacts {
  const impactOf = (frequency: number): number => Math.ceil(MOST_IMPACT * saturated(frequency));
  const { values, ...lists } = valuesOf(fields, numItems, numTerms, (most) => new Uint8Array(most), impactOf);
  return { ...lists, impacts: values };
}

/** What BM25F itself gives: tf̃ / (tf̃ + 1.2), above 0 and below 1, as it is before it is an impact. */
export function saturationsOf(fields: readonly Field[], numItems: number, numTerms: number): TermValues<Float32Array> {
  return valuesOf(fields, numItems, numTerms, (most) => new Float32Array(most), saturated);
}

const saturated = (frequency: number): number => frequency / (frequency + K1);

function valuesOf<T extends Uint8Array | Float32Array>(
  fields: readonly Field[],
  numItems: number,
  numTerms: number,
  allocate: (most: number) => T,
  toValue: (frequency: number) => number,
): TermValues<T> {
  const most = fields.reduce((sum, { terms }) => sum + terms.values.length, 0);
  const offsets = new Uint32Array(numItems + 1);
  const numbers = new Uint32Array(most);
  const values = allocate(most);
  const sums = new Float64Array(numTerms);
  let end = 0;
  for (let item = 0; item < numItems; item++) {
    const start = end;
    for (const { terms, weight, averageLength: average, b = B } of fields) {
      const [from, to] = [terms.offsets[item]!, terms.offsets[item + 1]!];
      const each = weight / (1 - b + (b * (to - from)) / average);
      for (let at = from; at < to; at++) {
        const term = terms.values[at]!;
        if (sums[term] === 0) numbers[end++] = term;
        sums[term]! += each;
      }
    }
    for (let at = start; at < end; at++) {
      const term = numbers[at]!;
      values[at] = toValue(sums[term]!);
      sums[term] = 0;
    }
    offsets[item + 1] = end;
  }
  return { offsets, numbers: numbers.slice(0, end), values: values.slice(0, end) as T };
}
