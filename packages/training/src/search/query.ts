import { UserError } from "@poeem/offline/errors";
import type { Index, ItemId, Merge } from "@poeem/pq-core";
import { openQueryTower, type QueryTower } from "@poeem/towers";

/** What a person asks an index for, as the Worker's `/search` takes it. */
export interface Asked {
  readonly text?: string | undefined;
  /** Ids of items, oldest first. */
  readonly history?: readonly string[] | undefined;
  /** Column → value. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

export interface SearchVectors {
  readonly vectors: readonly Float32Array[];
  readonly merge?: Merge;
  /** Items that must not come back: those of the history. */
  readonly exclude: readonly ItemId[];
}

/**
 * The query tower's vectors for what was asked; where the tower was not trained on histories, each item of one is an
 * interest of its own. The same answers as the Worker's.
 * @throws UserError naming the part that this index cannot read, or that nothing of is known
 */
export async function searchVectors(index: Index, asked: Asked): Promise<SearchVectors> {
  const bytes = await index.queryTower();
  const tower = bytes && openQueryTower(bytes);
  checkReadable(tower, asked);
  const history = await historyItems(index, asked.history);
  const vectorsOf = async (items: typeof history): Promise<Float32Array | undefined> =>
    items && index.vectors(items.ordinals);
  const exclude = history?.ids ?? [];
  if (history && tower?.reads.history === undefined) {
    return { vectors: rows((await vectorsOf(history))!, index.manifest.dim), exclude };
  }
  const embedded = tower!.embed({ text: asked.text, history: await vectorsOf(history), context: asked.context });
  const merged = embedded === undefined || embedded instanceof Float32Array ? undefined : embedded;
  const vectors = merged?.vectors ?? (embedded instanceof Float32Array ? [embedded] : []);
  if (!vectors.some((vector) => vector.some((value) => value !== 0))) {
    throw new UserError(
      asked.text !== undefined && !history
        ? `no word of ${JSON.stringify(asked.text)} is known to this index`
        : "nothing of this query is known to this index",
    );
  }
  if (!merged) return { vectors, exclude };
  return {
    vectors,
    merge: { by: "sumExp", temperature: merged.temperature, weights: merged.weights, exact: false },
    exclude,
  };
}

function checkReadable(tower: QueryTower | undefined, { text, history, context }: Asked): void {
  if (text !== undefined && !tower?.reads.text) {
    throw new UserError("--query: this index has no query tower that reads text: it cannot answer text queries");
  }
  const contexts = tower?.reads.contexts ?? [];
  for (const name of Object.keys(context ?? {})) {
    if (!contexts.includes(name)) {
      throw new UserError(
        `--context ${name}: expected one of ${contexts.join(", ") || "none, as this index reads no context"}`,
      );
    }
  }
  const pooled = tower?.reads.history === "mean" || tower?.reads.history === "attention";
  if (history && !pooled && (text !== undefined || context !== undefined)) {
    throw new UserError("--history: expected alone, as this index reads a history by itself");
  }
  if (context && !history && text === undefined && tower?.reads.history === "mixture") {
    throw new UserError("--context: expected no context, as this index reads nothing with a history");
  }
}

async function historyItems(
  index: Index,
  history: readonly string[] | undefined,
): Promise<{ ids: ItemId[]; ordinals: Int32Array } | undefined> {
  if (history === undefined) return undefined;
  if (history.length === 0) throw new UserError("--history: expected ids of items, separated by commas, got none");
  const ids = history.map((id) => itemId(id, index.manifest.idType));
  const ordinals = await index.ordinals(ids);
  const missing = ordinals.indexOf(-1);
  if (missing >= 0)
    throw new UserError(`--history: no item of this index has the id ${JSON.stringify(history[missing])}`);
  return { ids, ordinals };
}

/** An id as the index has it, from its text. */
export function itemId(text: string, idType: Index["manifest"]["idType"]): ItemId {
  if (idType === "string") return text;
  const largest = idType === "u32" ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > largest) {
    throw new UserError(
      `--history: expected integers of 0 to ${largest}, as the ids of this index are, got ${JSON.stringify(text)}`,
    );
  }
  return idType === "u32" ? Number(text) : BigInt(text);
}

function rows(vectors: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: vectors.length / dim }, (_, i) => vectors.subarray(i * dim, (i + 1) * dim));
}
