import { expect, it } from "vitest";
import { type Index, loadKernel, openArtifact, type SearchOptions } from "../src/index.ts";
import { allParts, scalarKernel } from "../src/parts.ts";
import { encode, writeArtifact } from "../src/write.ts";
import { kernelModule, memorySource, normals, random, randomCodebook } from "./support.ts";

const n = 300;
const next = random(5);
const codebook = randomCodebook({ dim: 16, M: 8, nbits: 4, nlist: 6, metric: "cosine" }, 6);
const vectors = normals(n * 16, next);
const artifact = await writeArtifact({
  codebook,
  ...encode(codebook, vectors),
  ids: Array.from({ length: n }, (_, i) => `item-${i}`),
  facets: { parity: Array.from({ length: n }, (_, i) => (i % 2 === 0 ? "even" : "odd")) },
  refineVectors: vectors,
});
const source = memorySource(artifact.chunks);
const kernel = loadKernel(kernelModule("kernel.wasm"));
const query = normals(16, next);

it("without any part the plain search is what it is with all of them", async () => {
  const plain = await openArtifact(source, artifact.manifestBytes, { kernel });
  const whole = await openArtifact(source, artifact.manifestBytes, { kernel, ...allParts });
  for (const options of [{ k: 7 }, { k: 20, nprobe: 6 }, { k: 5, nprobe: 2, exclude: ["item-3", "item-8", "no"] }]) {
    expect(await plain.search(query, options)).toEqual(await whole.search(query, options));
    expect(await plain.search([query], options)).toEqual(await whole.search(query, options));
  }
  const ordinals = await plain.ordinals(["item-3", "item-299"]);
  expect(await plain.items(ordinals)).toEqual(await whole.items(ordinals));
  expect(await plain.vectors(ordinals)).toEqual(await whole.vectors(ordinals));
});

it.each<[string, (index: Index) => Promise<unknown>]>([
  ["filters", (index) => index.search(query, { filter: { facet: "parity", in: ["even"] } })],
  ["filters", (index) => index.facets()],
  ["merging", (index) => index.search([query, query])],
  ["merging", (index) => index.search(query, { merge: { by: "sumExp", temperature: 2 } })],
  ["refining", (index) => index.search(query, { refine: true })],
])("what needs %s says so where they were not handed in, and works where they were", async (part, use) => {
  const others = { ...allParts, [part]: undefined };
  const without = await openArtifact(source, artifact.manifestBytes, { kernel, ...others });
  const only = await openArtifact(source, artifact.manifestBytes, {
    kernel,
    [part]: allParts[part as keyof typeof allParts],
  });
  await expect(use(without)).rejects.toThrow(
    `[pq-core] "options.${part}" expected ${part} of @poeem/pq-core/parts, got undefined`,
  );
  await expect(use(only)).resolves.toBeDefined();
});

it("an index that does not fit into residentBytes needs paging", async () => {
  const open = (parts: Pick<typeof allParts, "paging"> | object) =>
    openArtifact(source, artifact.manifestBytes, { kernel, residentBytes: 100, ...parts });
  await expect(open({})).rejects.toThrow(/"options.paging" expected paging of @poeem\/pq-core\/parts, got undefined/);
  const resident = await openArtifact(source, artifact.manifestBytes, { kernel });
  const options: SearchOptions = { k: 9, nprobe: 3 };
  const paged = await open({ paging: allParts.paging });
  expect(await paged.search(query, options)).toEqual(await resident.search(query, options));
});

it("a kernel is needed", async () => {
  const open = openArtifact as (...values: unknown[]) => Promise<Index>;
  for (const options of [undefined, {}, { kernel: kernelModule("kernel.wasm") }])
    await expect(open(source, artifact.manifestBytes, options)).rejects.toThrow(
      /\[pq-core\] "options.kernel" expected loadKernel\(module\) or scalarKernel, got /,
    );
  expect((await openArtifact(source, artifact.manifestBytes, { kernel: scalarKernel })).kernel).toBe("scalar");
});
