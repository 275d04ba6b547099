import { arrayOf, expectInteger, expectThat, ORDER_VERSION } from "../format/sections.ts";
import { componentVectors, type HistoryComponents, rankWeights } from "./components.ts";
import type { HistoryForm, InputKind, MixtureQuery } from "./input.ts";
import { logPartition, type Partition } from "./partition.ts";
import { rowsOf } from "./rows.ts";

/** How the items of a history, read as their decoded vectors, become query vectors. */
export interface HistoryWeights extends HistoryComponents {
  readonly kind: "history";
  readonly form: HistoryForm;
  /** Newest items that are read, at most `MAX_HISTORY`. */
  readonly length: number;
  /** Inverse temperature of the mixture. */
  readonly scale: number;
  /**
   * Of a mixture: how far the vector of text and context leans to each of its query vectors; left out where the model
   * was not trained on these beside a history.
   */
  readonly lean?: number | undefined;
  /** (width): what attention looks for in an item; of that form only. */
  readonly attention?: Float32Array | undefined;
  /** Of the mixture only. */
  readonly partition?: Partition | undefined;
}

export interface WithHistory {
  /** (n, width): decoded vectors of the items of a history, oldest first. */
  readonly history?: Float32Array | undefined;
}

/** Most items of a history that any reader takes: a tower is trained to read at most so many. */
export const MAX_HISTORY = 1000;
const MAX_TERMS = 1 << 16;
const MAX_SCALE = 1e6;
const MAX_TILT = 1e3;
const MAX_LEAN = 1e3;
/** The smallest positive number of single precision that is not denormal, rounded up. */
const LEAST_WEIGHT = 1.2e-38;

export const HISTORY: InputKind<HistoryWeights, WithHistory> = {
  kind: "history",
  part: "history",
  pack: ({ form, length, scale, tilt, lean, attention, partition, recency, source }) => ({
    settings: {
      ...{ form, length, scale, ...(tilt && { tilt }), ...(lean !== undefined && { lean }) },
      ...(recency && { ranks: recency.length }),
      ...(source && { source: true }),
    },
    arrays: [
      ...(attention ? [attention] : []),
      ...(partition ? [partition.values, partition.scales, partition.bias] : []),
      ...(recency ? [recency] : []),
      ...(source ? [source] : []),
    ],
    // a reader of the release before would answer as if the history had no order
    ...((recency || source) && { since: ORDER_VERSION }),
  }),
  unpack(where, section, width, dim) {
    const { form, length, scale, tilt = 0, lean } = section.settings as Partial<HistoryWeights>;
    const { ranks, source: hasSource = false } = section.settings;
    const isForm = form === "mixture" || form === "mean" || form === "attention";
    expectThat(isForm, where, "history.form", "mixture, mean or attention", form);
    expectInteger(where, "history.length", length, 1, MAX_HISTORY);
    expectThat(
      Number.isFinite(scale) && scale! > 0 && scale! <= MAX_SCALE,
      where,
      "history.scale",
      `a positive number up to ${MAX_SCALE}`,
      scale,
    );
    expectThat(
      Number.isFinite(tilt) && tilt >= 0 && tilt <= MAX_TILT,
      where,
      "history.tilt",
      `a number in 0…${MAX_TILT}`,
      tilt,
    );
    expectThat(tilt === 0 || form === "mixture", where, "history.tilt", "0 except for a mixture", tilt);
    if (lean !== undefined) {
      const isGood = Number.isFinite(lean) && lean >= 0 && lean <= MAX_LEAN;
      expectThat(isGood, where, "history.lean", `a number in 0…${MAX_LEAN}`, lean);
      expectThat(form === "mixture", where, "history.lean", "none except for a mixture", lean);
    }
    if (ranks !== undefined) expectInteger(where, "history.ranks", ranks, 1, MAX_HISTORY);
    expectThat(typeof hasSource === "boolean", where, "history.source", "true or false", hasSource);
    const hasOrder = hasSource || ranks !== undefined;
    expectThat(!hasOrder || form === "mixture", where, "history.form", "mixture where it has an order", form);
    // the items of a history are as wide as the vectors that are searched
    expectThat(dim === width, where, "history", `layers with an output as wide as the sum (${width})`, dim);
    const weights = { kind: "history" as const, form, length: length!, scale: scale!, ...(tilt && { tilt }) };
    if (form === "attention") return { ...weights, attention: arrayOf(where, section, 0, "f32", width) };
    if (form === "mean") return weights;
    const bias = arrayOf(where, section, 2, "f32");
    expectInteger(where, "history.terms", bias.length, 1, MAX_TERMS);
    const values = arrayOf(where, section, 0, "i8", bias.length * width);
    const partition = { values, scales: arrayOf(where, section, 1, "f32", bias.length), bias };
    const recency = ranks !== undefined && arrayOf(where, section, 3, "f32", ranks as number);
    const source = hasSource && arrayOf(where, section, recency ? 4 : 3, "f32", width * width);
    const ordered = { ...(recency && { recency }), ...(source && { source }) };
    return { ...weights, ...(lean !== undefined && { lean }), partition, ...ordered };
  },
  facts: ({ form, length, scale, lean, partition, recency, source }) => ({
    history: `${form}, the newest ${length} items`,
    historyOrder: orderFacts(recency, source),
    leanToHistory: lean,
    mixtureScale: form === "mixture" ? scale : undefined,
    partitionTerms: partition?.bias.length,
  }),
  open(weights, width) {
    const isOrdered = weights.recency !== undefined || weights.source !== undefined;
    const reads = { history: weights.form, historyLength: weights.length, isOrdered };
    const of = ({ history }: WithHistory): readonly Float32Array[] =>
      history ? newest(checkedRows(history, width), weights.length) : [];
    if (weights.form === "mixture") {
      const combines = weights.lean !== undefined;
      const answer = (query: WithHistory, beside?: Float32Array) => mixtureOf(weights, of(query), beside);
      return { reads: { ...reads, combines }, mixture: { part: "history", combines, answer } };
    }
    return {
      reads: { ...reads, combines: true },
      add(query, sum) {
        const items = of(query);
        if (items.length > 0) addPooled(weights, items, sum);
      },
    };
  },
};

/** The newest of some things that stand oldest first, at most `length` of them. */
export function newest<L extends { readonly length: number; slice(start: number): L }>(items: L, length: number): L {
  return items.slice(Math.max(0, items.length - length));
}

/**
 * The same where order counts: what comes several times counts once, where it comes last. The one rule for repeats, of
 * training histories as of those that are asked.
 */
export function newestDistinct<T>(items: ArrayLike<T>, length: number): T[] {
  const found = new Set<T>();
  for (let i = items.length - 1; i >= 0 && found.size < length; i--) found.add(items[i]!);
  return [...found].reverse();
}

function checkedRows(items: Float32Array, width: number): Float32Array[] {
  if (items.length % width !== 0)
    throw new RangeError(`[towers] "history" expected a multiple of ${width} numbers, got ${items.length}`);
  return rowsOf(items, width);
}

/** What a tower knows of the order of a history, in words. */
function orderFacts(recency: Float32Array | undefined, source: Float32Array | undefined): string | undefined {
  const shown = recency && Array.from(recency.subarray(0, 5), (log) => Math.exp(log - recency[0]!).toFixed(2));
  const weights = shown && `weights from the newest ${shown.join(", ")}${recency.length > shown.length ? " …" : ""}`;
  const map = source && `a source map of ${Math.sqrt(source.length)} × ${Math.sqrt(source.length)}`;
  return weights && map ? `${weights}; ${map}` : (weights ?? map);
}

/**
 * The mixture of a history: each item is a component of its rank's weight / Z, so that no item has more of a say for
 * its neighbourhood being crowded. Zero vectors are left out, and have no rank.
 *
 * Beside a text it is Σ_j exp(scale · text·x) · (exp(scale · c_j·x) / Z(c_j))^lean: the relevance of the text times the
 * taste of the person, by Bayes' rule as p(text | x) · p(x | history). An item of the history that has nothing to do
 * with the text is weighed down by that itself, for nothing is near to both.
 */
function mixtureOf(
  weights: HistoryWeights,
  items: readonly Float32Array[],
  beside?: Float32Array,
): MixtureQuery | undefined {
  const known = items.filter((item) => item.some((value) => value !== 0));
  if (known.length === 0) return undefined;
  const components = componentVectors(weights, known);
  const ofRanks = rankWeights(weights, known.length);
  const { lean = 1, scale: temperature } = weights;
  const power = beside ? lean : 1;
  const vectors = beside
    ? components.map((component) => component.map((value, d) => beside[d]! + lean * value))
    : components;
  const logWeights = components.map((vector, i) => ofRanks[i]! - power * logPartition(weights.partition!, vector));
  const largest = Math.max(...logWeights);
  // a weight that underflows would be none
  const shares = Float32Array.from(logWeights, (weight) => Math.max(Math.exp(weight - largest), LEAST_WEIGHT));
  return { vectors, temperature, weights: shares, ...(beside && { beside }) };
}

/** sum += the mean of the items, weighted by attention where there is one. */
function addPooled({ attention }: HistoryWeights, items: readonly Float32Array[], sum: Float64Array): void {
  const logits = items.map((row) => (attention ? row.reduce((dot, value, d) => dot + value * attention[d]!, 0) : 0));
  const largest = Math.max(...logits);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const total = shares.reduce((all, share) => all + share, 0);
  items.forEach((row, i) => {
    for (let d = 0; d < sum.length; d++) sum[d]! += (shares[i]! / total) * row[d]!;
  });
}
