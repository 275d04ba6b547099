import { expect, it } from "vitest";
import { type Index, openArtifact, scalarKernel } from "../src/index.ts";
import { encode, writeArtifact } from "../src/write.ts";
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
