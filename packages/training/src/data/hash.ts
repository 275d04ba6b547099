import { createHash, type Hash } from "node:crypto";
import type { Texts } from "./text-list.ts";
import type { EventTable, ItemTable } from "./types.ts";

/** SHA-256, in hexadecimal, of everything that was read. */
export function hashData(ids: Texts, items: ItemTable, events: EventTable): string {
  const hash = createHash("sha256");
  addValues(hash, "ids", ids);
  for (const [name, values] of items.texts) addValues(hash, `item ${name}`, values);
  for (const [name, values] of items.numbers) hash.update(`number ${name}`).update(bytesOf(values));
  hash.update(JSON.stringify([...items.fields]));
  hash.update(bytesOf(events.item));
  for (const [name, { values, numbers }] of events.columns) {
    addValues(hash, `event ${name}`, values);
    hash.update(bytesOf(numbers));
  }
  if (events.time) hash.update("time").update(bytesOf(events.time));
  return hash.digest("hex");
}

function addValues(hash: Hash, name: string, values: Pick<readonly unknown[], "length" | "at">): void {
  hash.update(`${name} ${values.length}\n`);
  // a line at a time is slow, all lines at once may be longer than a string can be
  for (let start = 0; start < values.length; start += 1000) {
    const length = Math.min(1000, values.length - start);
    hash.update(JSON.stringify(Array.from({ length }, (_, i) => values.at(start + i))));
  }
}

function bytesOf(array: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
