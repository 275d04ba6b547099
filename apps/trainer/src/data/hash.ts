import { createHash, type Hash } from "node:crypto";
import type { Dictionary, EventTable, ItemTable } from "./types.ts";

/** SHA-256, in hexadecimal, of everything that was read. */
export function hashData(ids: readonly string[], items: ItemTable, events: EventTable): string {
  const hash = createHash("sha256");
  addValues(hash, "ids", ids);
  for (const [name, values] of items.columns) addValues(hash, `item ${name}`, values);
  hash.update(bytesOf(events.item));
  const dictionary = (name: string, column: Dictionary | undefined): void => {
    if (!column) return;
    addValues(hash, name, column.values);
    hash.update(bytesOf(column.numbers));
  };
  dictionary("query", events.query);
  dictionary("user", events.user);
  for (const context of events.contexts) dictionary(`context ${context.name}`, context);
  for (const [name, column] of events.others) dictionary(`other ${name}`, column);
  if (events.time) hash.update("time").update(bytesOf(events.time));
  return hash.digest("hex");
}

function addValues(hash: Hash, name: string, values: readonly unknown[]): void {
  hash.update(`${name} ${values.length}\n`);
  // a line at a time is slow, all lines at once may be longer than a string can be
  for (let start = 0; start < values.length; start += 1000) {
    hash.update(JSON.stringify(values.slice(start, start + 1000)));
  }
}

function bytesOf(array: Uint32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
