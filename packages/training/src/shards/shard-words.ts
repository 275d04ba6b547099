import type { ItemWords } from "@poeem/pq-core/words";
import { joinArrays } from "./join-arrays.ts";
import type { SortedRows } from "./sorted-rows.ts";

/** The words of all items in list order, from the columns that hold them. */
export async function shardWords(sorted: SortedRows): Promise<ItemWords> {
  const numberOf = new Map<string, number>();
  const numbers: Uint32Array[] = [];
  const impacts: Uint8Array[] = [];
  const names: Uint32Array[] = [];
  const offsets = [0];
  const nameOffsets = [0];
  const blocks = sorted.blocks(["terms", "impacts", "names"]);
  for (let run = await blocks.next(); run.count > 0; run = await blocks.next()) {
    const lists = run.lists("terms");
    for (const terms of lists) offsets.push(offsets.at(-1)! + terms.length);
    numbers.push(
      Uint32Array.from(lists.flat(), (term) => {
        const number = numberOf.get(term) ?? numberOf.size;
        numberOf.set(term, number);
        return number;
      }),
    );
    impacts.push(run.joinedBytes("impacts"));
    const ofItems = run.numberLists("names");
    for (const own of ofItems) nameOffsets.push(nameOffsets.at(-1)! + own.length);
    names.push(Uint32Array.from(ofItems.flat()));
  }
  return {
    terms: [...numberOf.keys()],
    offsets: Uint32Array.from(offsets),
    numbers: joinArrays(Uint32Array, numbers),
    impacts: joinArrays(Uint8Array, impacts),
    nameOffsets: Uint32Array.from(nameOffsets),
    names: joinArrays(Uint32Array, names),
  };
}
