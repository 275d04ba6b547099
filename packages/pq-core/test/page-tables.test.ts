/** Tables of more pages than a small index has: what is kept of them. */
import { expect, it } from "vitest";
import { sealChunk } from "../src/format/chunk.ts";
import { ChunkCache, readPages } from "../src/format/chunk-cache.ts";
import { MAX_TABLE_PAGES, OPEN_TABLE_BYTES, PageTables, writeTable } from "../src/format/page-tables.ts";
import { PayloadPool } from "../src/format/payload-pool.ts";
import type { ChunkEntry, Manifest } from "../src/index.ts";
import { toIds } from "../src/write.ts";

const T = 80;
const P = MAX_TABLE_PAGES;
const ITEMS = 10;
const stored = new Map<string, Uint8Array>();
const chunks: ChunkEntry[] = [];
for (let t = 0; t < T; t++) {
  const pages = Array.from({ length: P }, (_, page) => {
    const sha256 = (t * P + page).toString(16).padStart(64, "0");
    return { entry: { size: 64, sha256, first: (t * P + page) * ITEMS, count: ITEMS } };
  });
  const payload = writeTable(pages, (ids) => toIds(ids, "u32"));
  const { chunk, entry } = await sealChunk("pages", t, t * P * ITEMS, P * ITEMS, payload);
  stored.set(chunk.key, chunk.bytes);
  chunks.push({ ...entry, of: "items", pages: P, bytes: 64 * P, largest: 64 });
}
const manifest = { chunks, idType: "u32" } as unknown as Manifest;

function counting() {
  const fetched: string[] = [];
  const source = {
    async get(key: string) {
      fetched.push(key);
      return stored.get(key)!;
    },
  };
  return {
    fetched,
    cache: new ChunkCache(source, true, new PayloadPool(0)),
    tables: new PageTables(manifest, "items"),
  };
}

it("no more of them stay opened than there is room for, the oldest out first", async () => {
  const { fetched, cache, tables } = counting();
  const all = Array.from({ length: T }, (_, t) => t * P * ITEMS);
  await tables.covering(cache, all);
  expect(fetched.length).toBe(T);
  const fit = Math.floor(OPEN_TABLE_BYTES / (chunks[0]!.size + 8 * (P + 1)));
  expect(fit).toBeLessThan(T - 10);
  fetched.length = 0;
  await tables.covering(cache, all.slice(T - fit));
  expect(fetched).toEqual([]);
  await tables.covering(cache, [0]);
  expect(fetched).toEqual([chunks[0]!.key]);
});

it("nothing is kept of single pages, and a page asked for in two ways is read once", async () => {
  const { cache, tables } = counting();
  const [one, same] = await tables.covering(cache, [5, 6]);
  expect(one).toBe(same);
  const [again] = await tables.covering(cache, [7]);
  expect(again).toEqual(one);
  expect(again).not.toBe(one);
  expect(await tables.page(cache, 0)).toEqual(one);
  expect((await tables.page(cache, 3 * P + 1)).entry.first).toBe((3 * P + 1) * ITEMS);
  const payloads = new PayloadPool(1 << 20);
  payloads.keep(one!.entry.key, new Uint8Array(64));
  const kept = new ChunkCache({ get: () => Promise.reject(new Error("not kept")) }, true, payloads);
  const taken: (readonly number[])[] = [];
  await readPages(
    kept,
    3,
    (i) => [one, again, one][i],
    (_page, _payload, places) => taken.push(places),
  );
  expect(taken).toEqual([[0, 1, 2]]);
});

it("it knows where all pages begin", async () => {
  const { cache, tables } = counting();
  const starts = await tables.starts(cache);
  expect(starts.length).toBe(T * P + 1);
  expect(starts.every((start, page) => start === page * ITEMS)).toBe(true);
});
