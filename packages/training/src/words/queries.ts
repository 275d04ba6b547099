import { type Csr, joinLists, listOf } from "../data/csr.ts";
import { eachTextOfItem } from "../data/item-texts.ts";
import { TextList, type Texts } from "../data/text-list.ts";
import type { QuerySet } from "../data/types.ts";

/** What people asked before they took an item: training queries alone, never one that is held out. */
export interface ItemQueries {
  /** Distinct texts. */
  readonly texts: Texts;
  /** Of each item the numbers of its texts, none twice. */
  readonly lists: Csr;
}

/** Each text once for an item, however many users asked it; undefined where queries have no text. */
export function itemQueries(numItems: number, train: QuerySet): ItemQueries | undefined {
  if (train.texts.length === 0) return undefined;
  const numberOf = new Map<string, number>();
  const one = new Uint32Array(1);
  const lists = joinLists(numItems, (visit) =>
    eachTextOfItem(numItems, train, (item, query) => {
      const text = train.texts[query]!;
      let number = numberOf.get(text);
      if (number === undefined) {
        number = numberOf.size;
        numberOf.set(text, number);
      }
      one[0] = number;
      visit(item, one);
    }),
  );
  return { texts: [...numberOf.keys()], lists };
}

/** The training queries of a catalogue, kept for when some of its items change. */
export interface KeptQueries extends ItemQueries {
  /** Ids of the items, in the order of `lists`. */
  readonly ids: Texts;
}

/** The queries of some items by their ids; an item that the training did not have has none. */
export function queriesById({ texts, lists, ids }: KeptQueries): (ids: readonly string[]) => ItemQueries {
  const numberOf = new Map<string, number>();
  for (const id of ids) numberOf.set(id, numberOf.size);
  return (wanted) => {
    const numbers = Int32Array.from(wanted, (id) => numberOf.get(id) ?? -1);
    return {
      texts,
      lists: joinLists(wanted.length, (visit) =>
        numbers.forEach((item, i) => {
          if (item >= 0) visit(i, listOf(lists, item));
        }),
      ),
    };
  };
}

/** Kept queries as the arrays of a file. */
export function packQueries({ texts, lists, ids }: KeptQueries): (Uint32Array | Uint8Array)[] {
  const [text, id] = [new TextList(texts), new TextList(ids)];
  return [text.offsets, text.bytes, id.offsets, id.bytes, lists.offsets, lists.values];
}

/** Kept queries from those arrays; undefined for others. */
export function unpackQueries(arrays: readonly ArrayBufferView[]): KeptQueries | undefined {
  const [textOffsets, textBytes, idOffsets, idBytes, offsets, values] = arrays;
  if (!(offsets instanceof Uint32Array && values instanceof Uint32Array)) return undefined;
  const texts = textsOf(textOffsets, textBytes);
  const ids = textsOf(idOffsets, idBytes);
  const fits = texts && ids && offsets.length === ids.length + 1 && offsets.at(-1) === values.length;
  if (!fits || !ascend(offsets) || values.some((value) => value >= texts.length)) return undefined;
  return { texts, ids, lists: { offsets, values } };
}

function textsOf(offsets: unknown, bytes: unknown): TextList | undefined {
  if (!(offsets instanceof Uint32Array && bytes instanceof Uint8Array)) return undefined;
  if (offsets.length === 0 || offsets.at(-1) !== bytes.length || !ascend(offsets)) return undefined;
  return new TextList({ offsets, bytes });
}

const ascend = (offsets: Uint32Array): boolean => offsets.every((end, i) => i === 0 || end >= offsets[i - 1]!);
