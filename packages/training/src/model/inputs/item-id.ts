import { hashedRow, IdKeys, idKey } from "@poeem/towers";
import { idRowsOf } from "../../config/kinds.ts";
import { isKnownByText } from "../../data/own-sentences.ts";
import { EmbeddingTable } from "../embedding-table.ts";
import type { InputInit, ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/**
 * What is learned of an item by its id, but for those that are known by their text alone: a row of its own, the sum of
 * two of a smaller table, or nothing (`items.idRows`).
 */
export const itemId: ItemInputModule = {
  create(init) {
    const rows = idRowsOf(init.config.items);
    if (rows === "none") return undefined;
    return rows === "all" ? ownRows(init) : hashedRows(init, rows);
  },
};

/** What a row learned is published with what the other inputs remember, as `known`. */
function ownRows({ dataset, dim, table: init, start }: InputInit): ReturnType<ItemInputModule["create"]> {
  const table = new EmbeddingTable(dataset.ids.length, dim, init);
  if (start) table.rows.set(start);
  const rows = new WeightedRows();
  const hasRow = rowOwners(dataset);
  return {
    learned: { id: table },
    read(items, reading) {
      const lists = rows.take(items.length, (i) => {
        if (hasRow[items[i]!] && !reading?.asNew?.[i]) rows.push(items[i]!, 1);
      });
      return [{ source: table, lists }];
    },
    weights: () => undefined,
    remember(out) {
      for (let i = 0; i < out.length; i++) if (hasRow[Math.floor(i / dim)]) out[i]! += table.rows[i]!;
    },
  };
}

/** Both rows of an item start at half the variance, so that their sum is as a row of its own would be. */
function hashedRows(
  { dataset, dim, table: init, start }: InputInit,
  numRows: number,
): ReturnType<ItemInputModule["create"]> {
  const table = new EmbeddingTable(numRows, dim, { ...init, stddev: init.stddev / Math.SQRT2 });
  // beside embeddings, which say where items lie: at 0, as rows of their own would (`training.start` is not for these)
  if (start) table.rows.fill(0);
  const rows = new WeightedRows();
  const hasRow = rowOwners(dataset);
  const rowsOf = new Uint32Array(2 * dataset.ids.length);
  let end = 0;
  for (const id of dataset.ids) for (const hash of idKey(id)) rowsOf[end++] = hashedRow(hash, numRows);
  return {
    learned: { id: table },
    read(items, reading) {
      const lists = rows.take(items.length, (i) => {
        const item = items[i]!;
        if (!hasRow[item] || reading?.asNew?.[i]) return;
        rows.push(rowsOf[2 * item]!, 1);
        rows.push(rowsOf[2 * item + 1]!, 1);
      });
      return [{ source: table, lists }];
    },
    weights: () => ({ kind: "hashed", rows: table.rows, keys: IdKeys.of(owners(dataset.ids, hasRow), hasRow.length) }),
  };
}

/** 1 for each item that is not known by its text alone. */
const rowOwners = (dataset: InputInit["dataset"]): Uint8Array =>
  Uint8Array.from({ length: dataset.ids.length }, (_, item) => Number(!isKnownByText(dataset, item)));

function* owners(ids: Iterable<string>, hasRow: Uint8Array): Generator<string> {
  let item = 0;
  for (const id of ids) if (hasRow[item++]) yield id;
}
