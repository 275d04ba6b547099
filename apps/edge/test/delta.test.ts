/** A live catalogue: items added, updated and removed while the Worker serves, without a new base. */
import { env } from "cloudflare:workers";
import { type Codebook, type Index, openArtifact, scalarKernel } from "@poeem/pq-core";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { type DeltaArtifact, writeArtifact, writeDelta } from "@poeem/pq-core/write";
import { beforeEach, describe, expect, it } from "vitest";
import { type Fixture, makeFixture, makeShop, nlist, publish, textVector } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";
import { shopTitle, wordsOf } from "./word-fixture.ts";

const base: Fixture = await makeFixture(31);
const all = `&nprobe=${nlist}`;
const chunks = new Map(base.artifact.chunks.map(({ key, bytes }) => [key, bytes]));

/** Changes an index: a new item and `item:5` get the codes of `item:7`, and other words; `remove` goes. */
async function change(index: Index, state: string, remove: string[]): Promise<DeltaArtifact> {
  const [seven] = await index.ordinals(["item:7"]);
  const { assignments, codes } = await index.codes([seven!, seven!]);
  const ids = [`new:${state}`, "item:5"];
  const delta = await writeDelta(index, {
    items: {
      assignments,
      codes,
      ids,
      fields: ids.map((id) => ({ title: `${id} ${state}`, set: "fresh" })),
      facets: { set: ["fresh", "fresh"], tag: [undefined, undefined] },
      numbers: { year: [2026, 2026] },
    },
    remove,
  });
  for (const { key, bytes } of delta.chunks) chunks.set(key, bytes);
  return delta;
}

const shop: Fixture = await makeShop(33);
for (const { key, bytes } of shop.artifact.chunks) chunks.set(key, bytes);

const open = (manifestBytes: Uint8Array): Promise<Index> =>
  openArtifact({ get: async (key) => chunks.get(key)! }, manifestBytes, { kernel: scalarKernel });
const first = await change(await open(base.artifact.manifestBytes), "one", ["item:9"]);
const second = await change(await open(first.manifestBytes), "two", ["item:10", "new:one"]);

/** Writes only what a delta's publisher writes: its own chunks, the manifest, the pointer. */
async function publishDelta({ version, manifestBytes, chunks: own }: DeltaArtifact): Promise<void> {
  for (const { key, bytes } of own) await env.INDEX.put(chunkKey(key), bytes);
  await env.INDEX.put(manifestKey(version), manifestBytes);
  const pointer = { version, manifestKey: manifestKey(version), publishedAt: "2026-11-22T11:00:00.000Z" };
  await env.INDEX.put(pointerKey(), formatPointer(pointer));
}

/** Takes the base out of KV: whoever reads a chunk of it again fails. */
async function dropBase({ artifact }: Fixture = base): Promise<void> {
  for (const { key } of artifact.chunks) await env.INDEX.delete(chunkKey(key));
}

const idsOf = ({ body }: { body: { results: { id: string }[] } }): string[] => body.results.map(({ id }) => id);

beforeEach(async () => {
  for (const { name } of (await env.INDEX.list()).keys) await env.INDEX.delete(name);
  await publish(env.INDEX, base);
});

describe("a published delta", () => {
  it("is seen within one refresh, and reads nothing of the base again", async () => {
    const { get, refresh } = makeIsolate();
    const before = await get(`/search?q=cake&k=300${all}`);
    expect(idsOf(before)).toContain("item:9");
    await get("/search?q=cake&filter=set:even");
    await dropBase();
    for (const [delta, id, gone] of [
      [first, "new:one", "item:9"],
      [second, "new:two", "item:10"],
    ] as const) {
      await publishDelta(delta);
      await refresh();
      const after = await get(`/search?q=cake&k=1000${all}`);
      expect(after.headers.get("index-refresh-failure")).toBeNull();
      expect(after.body.indexVersion).toBe(delta.version);
      expect(idsOf(after)).toContain(id);
      expect(idsOf(after)).not.toContain(gone);
    }
    expect((await get("/version")).body.index).toMatchObject({ version: second.version, numItems: 299 });
    expect((await get("/facets")).body.facets.set).toMatchObject({ fresh: 2 });
  });

  it("takes removed items out of search, /items, like= and history=", async () => {
    const { get } = makeIsolate();
    await publishDelta(second);
    for (const id of ["item:9", "item:10", "new:one"]) {
      expect(idsOf(await get(`/search?q=cake&k=1000${all}`)), id).not.toContain(id);
      expect((await get(`/items/${id}`)).status, id).toBe(404);
      expect((await get(`/search?like=${id}`)).status, id).toBe(400);
      expect((await get(`/search?history=item:3,${id}`)).status, id).toBe(400);
    }
  });

  it("gives updated items their new words, facets and neighbours", async () => {
    const { get } = makeIsolate();
    await publishDelta(second);
    const item = await get("/items/item:5");
    expect(item.body).toMatchObject({ title: "item:5 two", fields: { set: "fresh" } });
    const scores = new Map<string, number>();
    for (const { id, score } of (await get(`/search?like=item:7&k=1000${all}`)).body.results) scores.set(id, score);
    // Both have the codes of item:7 now.
    const own = base.decoded[7]!.reduce((sum, value) => sum + value * value, 0);
    expect(scores.get("item:5")).toBeCloseTo(own, 3);
    expect(scores.get("new:two")).toBe(scores.get("item:5"));
    expect(idsOf(await get(`/search?like=item:7&filter=set:fresh AND year>2000&k=9${all}`))).toHaveLength(2);
  });

  it("answers as an index written anew: every id and score", async () => {
    const { get } = makeIsolate();
    await publishDelta(second);
    const opened = await open(second.manifestBytes);
    const everything = Uint32Array.from({ length: opened.manifest.numItems }, (_, i) => i);
    const items = await opened.items(everything);
    const fresh = await writeArtifact({
      codebook: opened.codebook satisfies Codebook,
      ...(await opened.codes(everything)),
      ids: items.map(({ id }) => String(id)),
      fields: items.map(({ fields }) => fields!),
      queryTower: await opened.queryTower(),
      defaultNprobe: opened.manifest.defaultNprobe,
    });
    const index = await openArtifact(
      { get: async (key) => fresh.chunks.find((chunk) => chunk.key === key)!.bytes },
      fresh.manifestBytes,
      { kernel: scalarKernel },
    );
    for (const text of ["cake", "birthday", "誕生日", "x y"]) {
      const found = await index.search(textVector(base, text), { k: 40 });
      const ids = (await index.items(found.ordinals)).map(({ id }) => id);
      const { body } = await get(`/search?q=${encodeURIComponent(text)}&k=40`);
      expect(body.results.map(({ id }: { id: string }) => id)).toEqual(ids);
    }
  });

  it("brings its own words: added, changed and removed items are found by what they say now", async () => {
    const { get, refresh } = makeIsolate();
    await publish(env.INDEX, shop);
    const search = (q: string) => get(`/search?q=${encodeURIComponent(q)}&k=400${all}`);
    const [jacket, lamp] = [shopTitle(0), shopTitle(10)];
    expect(idsOf(await search(jacket))[0]).toBe("item:0");
    await dropBase(shop);

    const index = await open(shop.artifact.manifestBytes);
    const ids = ["new:1", "item:0"];
    const titles = ["turquoise bathtub ZX-77", "crimson bathtub ZX-78"];
    const [seven] = await index.ordinals(["item:7"]);
    const delta = await writeDelta(index, {
      items: {
        ...(await index.codes([seven!, seven!])),
        ids,
        fields: titles.map((title) => ({ title, set: "fresh" })),
        facets: { set: ["fresh", "fresh"], tag: [undefined, undefined] },
        numbers: { year: [2026, 2026] },
        words: wordsOf(titles, (i) => [ids[i]!, titles[i]!, `ZX-${77 + i}`]),
      },
      remove: ["item:10"],
    });
    await publishDelta(delta);
    await refresh();
    const found = await search("bathtub");
    expect(found.headers.get("index-refresh-failure")).toBeNull();
    expect(found.body).toMatchObject({ indexVersion: delta.version, mode: "hybrid" });
    expect(idsOf(found).slice(0, 2).sort()).toEqual(["item:0", "new:1"]);
    for (const { matched } of found.body.results.slice(0, 2)) expect(matched).toEqual(["bathtub"]);
    expect(idsOf(await search("zx77"))[0]).toBe("new:1");
    expect(idsOf(await search(jacket))[0]).not.toBe("item:0");
    expect(idsOf(await search(lamp))).not.toContain("item:10");
    for (const [id, title] of [["item:5", shopTitle(5)] as const]) expect(idsOf(await search(title))[0]).toBe(id);
    const { suggestions } = (await get("/suggest?q=bath")).body;
    expect(suggestions[0]).toEqual({ text: "bathtub", items: 2 });
  });

  it("that is damaged leaves the version before serving, and a rollback to the base reads nothing", async () => {
    const { get, refresh, reported } = makeIsolate();
    await publishDelta(first);
    await get("/search?q=cake&filter=set:even");
    await dropBase();
    await publishDelta(second);
    const { key } = second.chunks[0]!;
    await env.INDEX.delete(chunkKey(key));
    await refresh();
    const after = await get("/search?q=cake");
    expect(after.body.indexVersion).toBe(first.version);
    expect(after.headers.get("index-refresh-failure")).toMatch(/^missing since /);
    expect(JSON.stringify(reported)).toContain(key);

    const { version } = base.artifact;
    const pointer = { version, manifestKey: manifestKey(version), publishedAt: "2026-11-22T12:00:00.000Z" };
    await env.INDEX.put(pointerKey(), formatPointer(pointer));
    await refresh();
    const back = await get(`/search?q=cake&k=300${all}`);
    expect(back.body.indexVersion).toBe(version);
    expect(idsOf(back)).toContain("item:9");
    expect((await get("/items/item:5")).body.title).toBe("title of item:5");
  });
});
