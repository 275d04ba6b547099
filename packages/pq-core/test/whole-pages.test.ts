/** Which runs of cells a search visits, and how much it looks through for them. */
import { expect, it } from "vitest";
import { countCells } from "../src/format/inverted-lists.ts";
import { loadKernel } from "../src/kernel/wasm-kernel.ts";
import { cellRuns, probeRuns } from "../src/search/whole-pages.ts";
import { kernelModule, normals, random, randomCodebook } from "./support.ts";

it("few open runs are found among their own cells, in two looks or as many as cells of theirs are alike", () => {
  const nlist = 3000;
  const g = 7;
  const codebook = randomCodebook({ dim: 8, M: 4, nbits: 4, nlist }, 1);
  const next = random(2);
  const offsets = new Uint32Array(nlist + 1);
  for (let cell = 0; cell < nlist; cell++) offsets[cell + 1] = offsets[cell]! + (next() < 0.2 ? 0 : 5);
  const kernel = loadKernel(kernelModule("kernel-relaxed.wasm"))(codebook, { min: 0, max: 0 });
  const cells = countCells(offsets);
  const runs = cellRuns(offsets, g);
  for (let i = 0; i < 200; i++) {
    const open = new Set(Array.from({ length: Math.floor(next() ** 3 * 60) }, () => Math.floor((next() * nlist) / g)));
    const nprobe = 1 + Math.floor(next() * 9);
    kernel.setQuery(normals(8, next));
    const looked: number[] = [];
    const counting = {
      ...kernel,
      probe(most: number, among: typeof cells) {
        looked.push(most);
        return kernel.probe(most, among);
      },
    };
    const found = probeRuns(counting, nprobe, cells, runs, (run) => open.has(run));
    const all = Array.from(kernel.probe(nlist, cells), (cell) => Math.floor(cell / g)).filter((run) => open.has(run));
    expect([...new Set(found.map((cell) => Math.floor(cell / g)))]).toEqual([...new Set(all)].slice(0, nprobe));
    // never all cells, of which there are some 2,400
    for (const most of looked) expect(most).toBeLessThanOrEqual(Math.max(4 * nprobe, Math.min(open.size, nprobe) * g));
    expect(looked.length).toBeLessThanOrEqual(3);
  }
});
