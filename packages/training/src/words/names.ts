import { nameHash } from "@poeem/towers";
import type { Texts } from "../data/text-list.ts";
import type { TextColumn } from "../data/types.ts";

/** Hashes of what each item is called, each once: its id and its title. */
export function itemNames(
  ids: Texts,
  titles: TextColumn | undefined,
): { readonly nameOffsets: Uint32Array; readonly names: Uint32Array } {
  const nameOffsets = new Uint32Array(ids.length + 1);
  const names: number[] = [];
  let item = 0;
  for (const id of ids) {
    const called = [id, ...[titles?.[item] ?? []].flat()];
    const hashes = called.map(nameHash).filter((hash) => hash !== undefined);
    names.push(...new Set(hashes));
    nameOffsets[++item] = names.length;
  }
  return { nameOffsets, names: Uint32Array.from(names) };
}
