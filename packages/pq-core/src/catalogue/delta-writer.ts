import { checkAssignments, checkCodes, checkTerms } from "../codebook/codes.ts";
import { decodedSquares } from "../codebook/decode.ts";
import { check, INPUT, rangeError, typeError } from "../errors.ts";
import { type Artifact, addItems } from "../format/artifact-writer.ts";
import { ChunkList } from "../format/chunk-list.ts";
import { writeDeltaPayload } from "../format/delta-chunk.ts";
import { compareIds, type ItemId, idTypeOf, normalizeId } from "../format/ids.ts";
import { sealManifest } from "../format/manifest-file.ts";
import { checkRowLimits } from "../format/row-limits.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import { allOrdinals, type ItemRows, joinRows, partsOf, readRows } from "./rows.ts";

/** What is to change in a catalogue. */
export interface CatalogueChanges {
  /**
   * New items, and the whole new state of items whose id is there already: what the index has of its items, of these.
   */
  readonly items?: ItemRows | undefined;
  readonly remove?: readonly ItemId[] | undefined;
}

/** A version that shares its base's chunks. `chunks` are only those that are not the base's. */
export interface DeltaArtifact extends Artifact {
  readonly added: number;
  readonly updated: number;
  readonly removed: number;
  /** Ids to remove that the index did not have. */
  readonly unknown: readonly ItemId[];
}

/**
 * Adds, updates and removes items without a new codebook: the new version lists the chunks of the base as they are, and
 * few new ones. Changes that `index` has already are kept, so there is never more than one delta beside a base.
 * A search of the result answers what a search of an index written anew from the resulting catalogue would.
 *
 * @throws InputError for ids and fields that no index can have, or an id both added and removed; TypeError or
 * RangeError naming the part that does not fit the index
 */
export async function writeDelta(index: Index, changes: CatalogueChanges): Promise<DeltaArtifact> {
  const { base, delta, removed: removedBefore } = partsOf(index);
  const { manifest, codebook } = index;
  const added = changes.items === undefined ? undefined : rowsOf(changes.items, base);
  const addedIds: ItemId[] = added === undefined ? [] : [...added.ids];
  const removedIds = new Set((changes.remove ?? []).map((id) => normalizeId(id, manifest.idType) ?? id));
  const both = addedIds.find((id) => removedIds.has(id));
  check(both === undefined, "remove", "no id of an item that is added", both, INPUT);
  const touched = [...addedIds, ...removedIds];
  const before = await index.ordinals(touched);
  const unknown = touched.filter((_, i) => i >= addedIds.length && before[i]! < 0);
  const updated = before.subarray(0, addedIds.length).filter((ordinal) => ordinal >= 0).length;

  const rows = await mergedRows(delta, added, new Set(touched), base);
  const inBase = (await base.ordinals(touched)).filter((ordinal) => ordinal >= 0);
  const removed = Uint32Array.from(new Set([...removedBefore, ...inBase])).sort();
  const positions = await findPositions(base, rows);
  const list = new ChunkList({ delta: true });
  await addItems(list, { codebook, ...rows }, "delta", ({ order, offsets, range }) =>
    writeDeltaPayload(manifest, { offsets, range, positions: order.map((i) => positions[i]!), removed }),
  );
  const baseItems = base.manifest.numItems;
  const { format, formatVersion, version, previousVersion, checksum, chunks, ...facts } = base.manifest;
  const { training, ...content } = facts;
  const sealed = await sealManifest(
    {
      ...content,
      numItems: baseItems - removed.length + rows.ids.length,
      delta: { baseItems, removed: removed.length, numItems: rows.ids.length },
      chunks: [...chunks, ...list.entries],
      ...(training === undefined ? {} : { training }),
    },
    manifest.version,
  );
  return {
    ...sealed,
    version: sealed.manifest.version,
    chunks: list.chunks,
    added: addedIds.length - updated,
    updated,
    removed: removedIds.size - unknown.length,
    unknown,
  };
}

/** The given items with every member that the base's items have, and no other. */
function rowsOf(items: NonNullable<CatalogueChanges["items"]>, base: PqIndex): ItemRows {
  const { idType, hasFields, chunks, words } = base.manifest;
  if (idTypeOf(items.ids) !== idType) throw typeError("ids", `ids of type ${idType}, as the index has`, items.ids);
  const hasFilters = chunks.some(({ kind }) => kind === "filters");
  checkRowLimits(items);
  checkAssignments(items.assignments, items.ids.length, base.codebook.nlist);
  checkCodes(items.codes, items.ids.length, base.codebook);
  for (const [name, wanted, got] of [
    ["fields", hasFields, items.fields],
    ["facets", hasFilters, items.facets],
    ["numbers", hasFilters, items.numbers],
    ["words", words !== undefined, items.words],
  ] as const) {
    if (wanted !== (got !== undefined))
      throw typeError(name, wanted ? "a value, since the index has them" : "nothing, since the index has none", got);
  }
  if (items.terms !== undefined) checkTerms(items.terms, items.ids.length, base.codebook);
  if (base.codebook.metric !== "l2" || items.terms !== undefined) return items;
  // an index has terms of all its items or of none
  return { ...items, terms: Float32Array.from(decodedSquares(base.codebook, items.assignments, items.codes)) };
}

/** Items beside the base that stay as they are, then the given ones. */
async function mergedRows(
  delta: PqIndex | undefined,
  added: ItemRows | undefined,
  touched: ReadonlySet<ItemId>,
  base: PqIndex,
): Promise<ItemRows> {
  // Columns in the base's order, whatever the order they are given in; none of another name.
  const { facets, numbers } = await base.columnFacts();
  const given = added && {
    ...added,
    facets: added.facets && inOrder("facets", added.facets, [...facets.keys()]),
    numbers: added.numbers && inOrder("numbers", added.numbers, [...numbers.keys()]),
  };
  // An index without a delta gives the empty rows of its own shape.
  const from = delta ?? base;
  const ids = delta === undefined ? [] : (await delta.items(allOrdinals(delta.manifest))).map(({ id }) => id);
  const kept = Uint32Array.from(ids.flatMap((id, j) => (touched.has(id) ? [] : [j])));
  const before = await readRows(from, kept);
  return given === undefined ? before : joinRows(before, given, base.manifest.idType);
}

function inOrder<T>(name: string, columns: Readonly<Record<string, T>>, order: readonly string[]): Record<string, T> {
  const others = Object.keys(columns).filter((column) => !order.includes(column));
  const missing = order.filter((column) => !Object.hasOwn(columns, column));
  if (others.length > 0 || missing.length > 0)
    throw rangeError(name, order.join(", ") || "none", Object.keys(columns).join(", ") || "none");
  return Object.fromEntries(order.map((column) => [column, columns[column]!]));
}

/** How many items of the base come before each of the given ones in list order. */
async function findPositions(base: PqIndex, { ids, assignments }: ItemRows): Promise<Uint32Array> {
  const { offsets } = base.parts;
  const positions = new Uint32Array(ids.length);
  // Cell by cell, so that the pages of ids of a cell are read together.
  const byCell = Uint32Array.from(positions.keys()).sort((a, b) => assignments[a]! - assignments[b]!);
  for (const i of byCell) {
    let low = offsets[assignments[i]!]!;
    let high = offsets[assignments[i]! + 1]!;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [item] = await base.items([middle]);
      if (compareIds(item!.id, ids[i]!) < 0) low = middle + 1;
      else high = middle;
    }
    positions[i] = low;
  }
  return positions;
}
