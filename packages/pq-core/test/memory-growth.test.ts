import { describe, expect, it } from "vitest";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, memorySource, normals, random, randomCodebook, randomCodes } from "./support.ts";

// Each search runs on an index of its own: only the first one of a size makes the kernel's memory grow while it is
// under way, and a view from before that reads nothing afterwards. Several vectors search with a floor, which must
// lose no item either.
describe.each(["kernel.wasm", "kernel-relaxed.wasm"] as const)("a first search on %s", (file) => {
  const numItems = 3_000;
  const codebook = randomCodebook({ dim: 32, M: 16, nbits: 4, nlist: 40 }, 5);
  const ids = Uint32Array.from({ length: numItems }, (_, i) => i);
  const artifact = writeArtifact({ codebook, ...randomCodes(codebook, numItems, 6), ids });

  it.each([1, 2, 3])(
    "with %i query vectors finds what the definition finds, however much room it needs",
    async (heads) => {
      const { chunks, manifestBytes } = await artifact;
      const open = (module?: WebAssembly.Module) =>
        openWhole(memorySource(chunks), manifestBytes, { kernelModule: module });
      const next = random(7);
      const query = Array.from({ length: heads }, () => normals(codebook.dim, next));
      const scalar = await open();
      for (const k of [10, 300, 1_500, 3_000]) {
        for (const exclude of [[], [1, 2, 3]]) {
          const options = { k, nprobe: 40, exclude };
          const expected = await scalar.search(query, options);
          const got = await (await open(kernelModule(file))).search(query, options);
          expect(got.ordinals, `k ${k}, ${exclude.length} excluded`).toEqual(expected.ordinals);
          expect(got.scores).toEqual(expected.scores);
        }
      }
    },
  );
});
