import { expect, it } from "vitest";
import { type Index, openArtifact, scalarKernel } from "../src/index.ts";
import { encode, writeArtifact, writeDelta } from "../src/write.ts";
import { kernelModule, memorySource, normals, random, randomCodebook } from "./support.ts";

const n = 300;
const next = random(5);
const codebook = randomCodebook({ dim: 16, M: 8, nbits: 4, nlist: 6, metric: "cosine" }, 6);
const artifact = await writeArtifact({
  codebook,
  ...encode(codebook, normals(n * 16, next)),
  ids: Array.from({ length: n }, (_, i) => `item-${i}`),
});
const source = memorySource(artifact.chunks);

it("a kernel is needed", async () => {
  const open = openArtifact as (...values: unknown[]) => Promise<Index>;
  for (const options of [undefined, {}, { kernel: kernelModule("kernel.wasm") }])
    await expect(open(source, artifact.manifestBytes, options)).rejects.toThrow(
      /\[pq-core\] "options.kernel" expected loadKernel\(module\) or scalarKernel, got /,
    );
  expect((await openArtifact(source, artifact.manifestBytes, { kernel: scalarKernel })).kernel).toBe("scalar");
});

it("an array of one query vector is that query vector", async () => {
  const index = await openArtifact(source, artifact.manifestBytes, { kernel: scalarKernel });
  const query = normals(16, next);
  for (const options of [{ k: 7 }, { k: 20, nprobe: 6 }, { k: 5, nprobe: 2, exclude: ["item-3", "item-8", "no"] }])
    expect(await index.search([query], options)).toEqual(await index.search(query, options));
});

it("a version that cannot be opened leaves the one before its room for pages", async () => {
  const values = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  let reads = 0;
  const counting = {
    get: async (key: string) => {
      reads++;
      return values.get(key)!;
    },
  };
  const previous = await openArtifact(counting, artifact.manifestBytes, { kernel: scalarKernel });
  const delta = await writeDelta(previous, { remove: ["item-3"] });
  const search = async () => (await previous.items(await previous.ordinals(["item-7"])))[0]!.id;
  expect(await search()).toBe("item-7");
  reads = 0;
  const options = { kernel: scalarKernel, cacheBytes: 0, previous };
  await expect(openArtifact(counting, delta.manifestBytes, options)).rejects.toThrow();
  reads = 0;
  expect(await search()).toBe("item-7");
  expect(reads).toBe(0);
  for (const { key, bytes } of delta.chunks) values.set(key, bytes);
  await openArtifact(counting, delta.manifestBytes, options);
  reads = 0;
  expect(await search()).toBe("item-7");
  expect(reads).toBeGreaterThan(0);
});
