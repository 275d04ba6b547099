/** What every store that indexes are read from must do. Bring one that holds a published index. */
import { chunkKey, manifestKey, parsePointer, pointerKey } from "@poeem/pq-core/kv";
import { expect, it } from "vitest";
import { guarded } from "../src/index/guarded.ts";
import type { Store, StoreMeter } from "../src/index/store.ts";
import type { Fixture } from "./fixture.ts";

/** Counts as requests do. */
export function meterOf() {
  const spent = { reads: 0, bytes: 0, cached: 0 };
  const meter: StoreMeter = {
    spend() {
      spent.reads++;
    },
    got(bytes) {
      spent.bytes += bytes;
    },
    hit() {
      spent.reads--;
      spent.cached++;
    },
  };
  return { spent, meter };
}

/**
 * Registers the suite.
 * @param open the store, over the index published as `current`
 */
export function storeSuite({ artifact }: Fixture, open: () => Promise<Store>): void {
  const chunk = artifact.chunks.toSorted((a, b) => b.bytes.length - a.bytes.length)[0]!;
  const key = chunkKey(chunk.key);

  it("has a name for the log", async () => {
    expect((await open()).name).toMatch(/\w/);
  });

  it("gives the pointer, and null for one that is not there", async () => {
    const store = await open();
    const pointer = parsePointer((await store.getText(pointerKey()))!);
    expect(pointer).toMatchObject({ version: artifact.version, manifestKey: manifestKey(artifact.version) });
    expect(await store.getText(pointerKey("nobody"))).toBeNull();
  });

  it("gives every byte that was published, and null for a key that is not there", async () => {
    const store = await open();
    await store.getText(pointerKey());
    expect(await store.getBytes(manifestKey(artifact.version))).toEqual(artifact.manifestBytes);
    for (const { key, bytes } of artifact.chunks) expect(await store.getBytes(chunkKey(key))).toEqual(bytes);
    expect(await store.getBytes(chunkKey("nothing"))).toBeNull();
  });

  it("gives its bytes away: what is done to them, no other reader sees", async () => {
    const store = await open();
    await store.getText(pointerKey());
    for (let i = 0; i < 3; i++) {
      const bytes = (await store.getBytes(key))!;
      expect(bytes).toEqual(chunk.bytes);
      expect(bytes.buffer.byteLength).toBe(bytes.length);
      bytes.fill(7);
      (bytes.buffer as ArrayBuffer).transfer(0);
    }
  });

  it("gives many readers at once a copy each", async () => {
    const store = await open();
    await store.getText(pointerKey());
    const copies = await Promise.all(Array.from({ length: 20 }, () => store.getBytes(key)));
    for (const copy of copies) expect(copy).toEqual(chunk.bytes);
    expect(new Set(copies.map((copy) => copy!.buffer)).size).toBe(20);
  });

  it("is counted: each value once, from the store or from a cache, with its bytes", async () => {
    const store = guarded(await open());
    const { spent, meter } = meterOf();
    await store.getText(pointerKey(), { meter });
    const pointerBytes = spent.bytes;
    expect(spent).toEqual({ reads: 1, bytes: expect.any(Number), cached: 0 });
    for (let i = 1; i < 4; i++) {
      await store.getBytes(key, { meter });
      expect(spent.reads + spent.cached).toBe(1 + i);
      expect(spent.bytes).toBe(pointerBytes + i * chunk.bytes.length);
    }
  });

  it("reads from where a value is kept when what came before was damaged", async () => {
    const store = guarded(await open());
    await store.getText(pointerKey());
    await store.getBytes(key);
    const { spent, meter } = meterOf();
    expect(await store.getBytes(key, { meter, again: true })).toEqual(chunk.bytes);
    expect(spent).toEqual({ reads: 1, bytes: chunk.bytes.length, cached: 0 });
  });
}
