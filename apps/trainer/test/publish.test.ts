import { createCodebook, formatPointer, manifestKey, pointerKey, writeArtifact } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { type KeyValueStore, publishInto } from "../src/publish/local.ts";
import type { CheckedArtifact } from "../src/publish/read-artifact.ts";

async function artifact(seed: number): Promise<CheckedArtifact> {
  const floats = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i + seed));
  return writeArtifact({
    codebook: createCodebook({
      dim: 8,
      metric: "innerProduct",
      nlist: 0,
      numSubQuantizers: 4,
      nbits: 4,
      byResidual: false,
      centroids: floats(16 * 8),
    }),
    assignments: new Uint32Array(50),
    codes: Uint8Array.from({ length: 200 }, (_, i) => (i * seed) % 16),
    ids: Array.from({ length: 50 }, (_, i) => `item-${i}`),
  });
}

/** A store in memory that remembers the order of writes and can fail. */
class MemoryStore implements KeyValueStore {
  readonly values = new Map<string, Uint8Array>();
  readonly writes: string[] = [];
  fail: (key: string) => "refuse" | "damage" | undefined = () => undefined;

  async get(key: string): Promise<ArrayBuffer | null> {
    const value = this.values.get(key);
    return value ? Uint8Array.from(value).buffer : null;
  }

  async put(key: string, value: Uint8Array | string): Promise<void> {
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : Uint8Array.from(value);
    const failure = this.fail(key);
    if (failure === "refuse") throw new Error("disk full");
    if (failure === "damage") bytes[bytes.length >> 1]! ^= 4;
    this.values.set(key, bytes);
    this.writes.push(key);
  }

  text(key: string): string | undefined {
    const value = this.values.get(key);
    return value && new TextDecoder().decode(value);
  }
}

describe("publishInto", () => {
  it("writes chunks, then the manifest, then the pointer", async () => {
    const [store, first] = [new MemoryStore(), await artifact(1)];
    const facts = await publishInto(store, first);
    expect(store.writes.slice(0, -2).every((key) => key.startsWith("chunk/"))).toBe(true);
    expect(store.writes.slice(-2)).toEqual([manifestKey(first.manifest.version), pointerKey()]);
    expect(facts).toMatchObject({
      version: first.manifest.version,
      chunksPresent: 0,
      chunksWritten: store.writes.length - 1,
    });
    const { publishedAt } = JSON.parse(store.text(pointerKey())!) as { publishedAt: string };
    const { version } = first.manifest;
    expect(store.text(pointerKey())).toBe(formatPointer({ version, manifestKey: manifestKey(version), publishedAt }));
  });

  it("writes nothing but the pointer when everything is there", async () => {
    const [store, first] = [new MemoryStore(), await artifact(1)];
    await publishInto(store, first);
    const before = store.writes.length;
    expect(await publishInto(store, first)).toMatchObject({ chunksWritten: 0, bytesWritten: 0 });
    expect(store.writes.slice(before)).toEqual([pointerKey()]);
  });

  it.each(["refuse", "damage"] as const)(
    "leaves the pointer alone when KV should %s any one write",
    async (failure) => {
      const [store, first, second] = [new MemoryStore(), await artifact(1), await artifact(3)];
      await publishInto(store, first);
      const pointer = store.text(pointerKey());
      const keys = [...second.chunks.map(({ key }) => `chunk/${key}`), manifestKey(second.manifest.version)];
      for (const bad of keys.filter((key) => !store.values.has(key))) {
        store.fail = (key) => (key === bad ? failure : undefined);
        await expect(publishInto(store, second)).rejects.toThrow(
          failure === "refuse"
            ? /stopped before the pointer was written: disk full/
            : /gave back other bytes for chunk\//,
        );
        expect(store.text(pointerKey())).toBe(pointer);
        store.values.delete(bad);
      }
      store.fail = () => undefined;
      await publishInto(store, second);
      expect(JSON.parse(store.text(pointerKey())!)).toMatchObject({ version: second.manifest.version });
    },
  );
});
