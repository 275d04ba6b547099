/**
 * A source that frees pages as soon as it is told that nothing reads them: no search may miss one, and none may stay.
 */
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Index } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

const N = 3000;
const cacheBytes = 4096;
const codebook = randomCodebook({ dim: 16, M: 8, nbits: 4, nlist: 24 }, 13);
const encoded = randomCodes(codebook, N, 14);
const write = (cellsPerPage: number) =>
  writeArtifact({
    codebook,
    ...encoded,
    ids: Uint32Array.from({ length: N }, (_, i) => 7 * i),
    fields: Array.from({ length: N }, (_, i) => ({ title: `item ${i}` })),
    facets: { color: Array.from({ length: N }, (_, i) => ["red", "green"][i % 2]) },
    listChunkBytes: 1024,
    itemChunkBytes: 2048,
    cellsPerPage,
  });
const artifacts = { manifest: await write(0), tables: await write(2) };

async function answer(index: Index, seed: number): Promise<unknown> {
  const next = random(seed);
  const queries = Array.from({ length: seed % 3 === 0 ? 3 : 1 }, () => normals(16, next));
  const found = await index.search(queries, {
    k: 1 + Math.floor(next() * 60),
    nprobe: seed % 5 === 0 ? "all" : 1 + Math.floor(next() * 24),
    exclude: [7, 14],
    filter: seed % 5 < 2 ? { facet: "color", in: ["red"] } : undefined,
    merge: seed % 2 === 0 ? { by: "max" } : { by: "sumExp", temperature: 3 },
  });
  const items = await index.items(found.ordinals);
  const ordinals = await index.ordinals(items.map(({ id }) => id));
  return [found, items, ordinals, await index.vectors(found.ordinals)];
}

it.each([
  [1, "manifest"],
  [8, "manifest"],
  [1, "tables"],
  [8, "tables"],
] as const)(
  "pages that are freed at once change no answer, %i at a time, listed in %s; what was let go is freed",
  async (atOnce, listed) => {
    const artifact = artifacts[listed];
    const whole = await openWhole(memorySource(artifact.chunks), artifact.manifestBytes);
    const stored = memorySource(artifact.chunks);
    const given = new Set<ArrayBufferLike>();
    const freed = new Set<ArrayBufferLike>();
    let turn = 0;
    const source = {
      async get(key: string) {
        const bytes = (await stored.get(key)).slice();
        if (turn++ % 3 === 0) await setTimeout(0);
        given.add(bytes.buffer);
        return bytes;
      },
      release({ buffer }: Uint8Array) {
        expect(freed.has(buffer)).toBe(false);
        freed.add(buffer);
        structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
      },
    };
    const options = { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 0, cacheBytes };
    const index = await openWhole(source, artifact.manifestBytes, options);
    const live = () => [...given].reduce((sum, { byteLength }) => sum + byteLength, 0);
    // filters, or what is known of all of them, stay
    await index.facets();
    const atFirst = live();
    for (let seed = 0; seed < 48; seed += atOnce) {
      const seeds = Array.from({ length: atOnce }, (_, i) => seed + i);
      const answers = await Promise.all(seeds.map((own) => answer(index, own)));
      for (const [i, own] of seeds.entries()) expect(answers[i]).toEqual(await answer(whole, own));
      // Four pages of the cache, each with a header.
      expect(live() - atFirst).toBeLessThanOrEqual(cacheBytes + 32 * 8);
    }
    expect(freed.size).toBeGreaterThan(200);
    index.metered({ spend: () => undefined, got: () => undefined }).limitPages(0);
    expect(live()).toBe(atFirst);
  },
);
