/**
 * From a question to query vectors: the one place for the Worker, `poeem search`, `poeem evaluate` and the validation
 * in training. What a question may combine, how much of a history is read and how scores are merged is decided here.
 */
import { InputError, type ItemId, type Merge } from "@poeem/pq-core";
import { vectorsOf as givenEmbeddings } from "./inputs/given-embedding.ts";
import { newest, newestDistinct } from "./inputs/history.ts";
import type { MixtureQuery } from "./inputs/input.ts";
import { rowsOf } from "./inputs/rows.ts";
import type { Query } from "./kinds.ts";
import { CANNOT_BE_COMBINED, partsOf, type QueryTower } from "./query-tower.ts";

/**
 * What somebody asks: one vector, or what is like an item, or any mix of the other parts that the tower reads. `Id`
 * names an item: an external id, or a number where the caller has numbers.
 */
export interface Question<Id> extends Omit<Query, "history"> {
  /** Oldest first. */
  readonly history?: readonly Id[] | undefined;
  readonly like?: Id | undefined;
  /** (dim) */
  readonly vector?: Float32Array | undefined;
}

/** Query vectors as a search takes them. */
export interface QueryVectors {
  readonly vectors: readonly Float32Array[];
  readonly merge?: Merge;
  /** Of a mixture: the vector of text and context that its vectors lean from. */
  readonly beside?: Float32Array;
}

/** A question read: what is still wanted to answer it. */
export interface QuestionPlan<Id> {
  /** Items whose vectors `embed` needs, in this order. */
  readonly read: readonly Id[];
  /** The part that names them. */
  readonly readFor: "history" | "like";
  /** Items that must not come back. */
  readonly exclude: readonly Id[];
  /**
   * @param items (read.length, dim) the vectors that are searched: decoded ones for an index
   * @returns undefined when nothing of the question is known: all scores would be the same, any order a lie
   */
  embed(items: Float32Array): QueryVectors | undefined;
}

/** Items of a history that are read where the tower was not trained on histories: each is an interest of its own. */
export const UNTRAINED_HISTORY = 50;

/**
 * Reads a question.
 * @param tower undefined for an index without one
 * @param dim of the index
 * @throws InputError naming the part that cannot be used
 */
export function planQuestion<Id>(tower: QueryTower | undefined, dim: number, question: Question<Id>): QuestionPlan<Id> {
  checkParts(tower, dim, question);
  const { history, like, vector, ...others } = question;
  const excluded = like === undefined ? (history ?? []) : [like];
  if (vector !== undefined) return { read: [], readFor: "like", exclude: [], embed: () => ({ vectors: [vector] }) };
  if (like !== undefined)
    return { read: [like], readFor: "like", exclude: excluded, embed: (items) => ({ vectors: rowsOf(items, dim) }) };
  if (history !== undefined && tower?.reads.history === undefined) {
    const read = newest(history, UNTRAINED_HISTORY);
    return { read, readFor: "history", exclude: excluded, embed: (items) => ({ vectors: rowsOf(items, dim) }) };
  }
  const { historyLength = 0, isOrdered } = tower?.reads ?? {};
  const asked = history ?? [];
  const read = isOrdered ? newestDistinct(asked, historyLength) : newest(asked, historyLength);
  return {
    read,
    readFor: "history",
    exclude: excluded,
    embed: (items) => merged(tower?.embed({ ...others, ...(history && { history: items }) })),
  };
}

/** Of the parts of a question, one that has to be asked alone and is not. */
export function loneOf(parts: readonly string[]): string | undefined {
  return parts.length > 1 ? parts.find((part) => part === "vector" || part === "like") : undefined;
}

const UNTRAINED_CANNOT =
  "cannot be combined: the model of this index was not trained on histories, which are searched item by item";

/** Parts that any index reads; of a context each name is told apart below. */
const WITHOUT_TOWER = ["like", "vector", "history", "context"];

function checkParts<Id>(tower: QueryTower | undefined, dim: number, question: Question<Id>): void {
  const parts = partsOf(question);
  if (parts.length === 0)
    throw new InputError("question", "expected text, history, context, embedding, like or vector, got none of them");
  const lone = loneOf(parts);
  if (lone !== undefined) throw new InputError(lone, `expected ${lone} alone, got ${parts.join(" and ")}`);
  const { history, context, vector } = question;
  if (vector && vector.length !== dim)
    throw new InputError("vector", `expected ${dim} numbers, the dim of this index, got ${vector.length}`);
  if (history?.length === 0) throw new InputError("history", "expected at least one id, got none");
  const reads = tower?.reads;
  for (const part of parts) {
    // a text that comes with its embedding is for the words, where the tower reads none
    const isKnownText = reads?.text || (question.embedding !== undefined && tower?.parts.includes("embedding"));
    const isRead = part === "text" ? isKnownText : WITHOUT_TOWER.includes(part) || tower?.parts.includes(part);
    if (!isRead) throw new InputError(part, `cannot be used: this index ${withoutPart(part, reads, parts)}`);
  }
  // A wrong one is told before anything is read.
  if (question.embedding !== undefined) givenEmbeddings(question.embedding, reads!.embeddings);
  const contexts = reads?.contexts ?? [];
  for (const name of Object.keys(context ?? {})) {
    const names = contexts.join(", ") || "none";
    if (!contexts.includes(name))
      throw new InputError(`context.${name}`, `is unknown; the model of this index reads ${names}`);
  }
  // a history is read by itself where the tower says so, and where each of its items is an interest of its own
  const isLone = !reads?.combines;
  if (history !== undefined && parts.length > 1 && isLone)
    throw new InputError("history", reads?.history === undefined ? UNTRAINED_CANNOT : CANNOT_BE_COMBINED);
  if (context !== undefined && tower?.mixture?.combines === false)
    throw new InputError("context", "cannot be used: the model of this index reads nothing with a history");
}

/** Why an index cannot be asked by a part, and what can be done. @param parts what was asked by */
function withoutPart(part: string, reads: QueryTower["reads"] | undefined, parts: readonly string[]): string {
  const others = [
    ...(reads?.history === undefined ? [] : ["histories"]),
    ...(reads?.contexts?.length ? [`the context (${reads.contexts.join(", ")})`] : []),
    ...(reads?.embeddings.length ? [`embeddings (${reads.embeddings.map(({ name }) => name).join(", ")})`] : []),
  ];
  if (others.length === 0) return `was published without a query tower that reads ${part}`;
  const ask = reads?.history !== undefined ? "history" : reads?.contexts.length ? "context" : "embedding";
  const cure = parts.includes(ask) ? "leave it out" : `use ${ask} instead`;
  return `reads no ${part}, only ${others.join(" and ")}: ${cure}`;
}

/** What a tower made of a question, as a search takes it. */
export function merged(embedded: Float32Array | MixtureQuery | undefined): QueryVectors | undefined {
  if (embedded === undefined) return undefined;
  if (embedded instanceof Float32Array)
    return embedded.some((value) => value !== 0) ? { vectors: [embedded] } : undefined;
  const { vectors, temperature, weights, beside } = embedded;
  return { vectors, merge: { by: "sumExp", temperature, weights, exact: false }, ...(beside && { beside }) };
}

/** What is needed of an index. */
export interface ItemVectors {
  readonly manifest: { readonly dim: number };
  ordinals(ids: readonly ItemId[]): Promise<Int32Array>;
  vectors(ordinals: ArrayLike<number>): Promise<Float32Array>;
}

/**
 * Answers a question of an index as far as query vectors go.
 * @throws InputError naming the part that cannot be used, or an id that no item has
 */
export async function questionVectors(
  index: ItemVectors,
  tower: QueryTower | undefined,
  question: Question<ItemId>,
): Promise<(QueryVectors & { readonly exclude: readonly ItemId[] }) | undefined> {
  const { read, readFor, exclude, embed } = planQuestion(tower, index.manifest.dim, question);
  const items = read.length > 0 ? await vectorsOf(index, readFor, read) : new Float32Array(0);
  const vectors = embed(items);
  return vectors && { ...vectors, exclude };
}

/** Decoded vectors of items, (ids.length, dim): from the very codes that are searched. */
export async function vectorsOf(index: ItemVectors, part: string, ids: readonly ItemId[]): Promise<Float32Array> {
  const ordinals = await index.ordinals(ids);
  const missing = ordinals.indexOf(-1);
  if (missing >= 0) {
    const id = String(ids[missing]);
    const shown = JSON.stringify(id.length > 40 ? `${id.slice(0, 40)}…` : id);
    throw new InputError(part, `expected ids of items of this index, got ${shown}`);
  }
  return index.vectors(ordinals);
}
