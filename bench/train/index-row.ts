/**
 * From the last training step to a complete index folder, in a process of its own: node index-row.ts ITEMS
 * [VECTORS.f32] → one JSON line. With a file name it leaves the item vectors there, for Faiss to index the same ones.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IndexingLayer } from "@poeem/indexing-layer";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { useBackend } from "@poeem/training/backend/backend";
import { encodeItems } from "@poeem/training/model/encode-items";
import { TwoTower } from "@poeem/training/model/two-tower";
import { benchConfig, randomCatalogue } from "./catalogue.ts";

const items = Number(process.argv[2]);
const vectorsFile = process.argv[3];
await useBackend("wasm");
const dataset = randomCatalogue(items, 1 << 14);
const config = benchConfig(dataset);
const model = new TwoTower(config, dataset);
const { nlist, numSubQuantizers, nbits, bufferSize } = config.index;
const layer = new IndexingLayer({ dim: 64, nlist, numSubQuantizers, nbits, bufferSize, warmupSteps: 0, seed: 1 });
const sample = await model.itemVectors(bufferSize);
await layer.initialize(sample);
const folder = await mkdtemp(join(tmpdir(), "poeem-bench-"));
const phases: Record<string, number> = {};
const cpuPhases: Record<string, number> = {};
let last = performance.now();
let lastCpu = process.cpuUsage();
const phase = (name: string): void => {
  const now = performance.now();
  const { user, system } = process.cpuUsage(lastCpu);
  phases[name] = (now - last) / 1000;
  cpuPhases[name] = (user + system) / 1e6;
  last = performance.now();
  lastCpu = process.cpuUsage();
};

const cpuBefore = process.cpuUsage();
const itemVectors = await model.itemVectors();
phase("itemVectors");
const codebook = createCodebook({ ...(await layer.codebook()), metric: "innerProduct" });
const { assignments, codes } = await encodeItems(codebook, itemVectors);
phase("encode");
const artifact = await writeArtifact({ codebook, assignments, codes, ids: [...dataset.ids] });
phase("artifact");
await writeIndexDirectory(join(folder, "index"), artifact, {
  "model/item-vectors.f32": new Uint8Array(itemVectors.buffer),
});
phase("write");
const cpu = process.cpuUsage(cpuBefore);
if (vectorsFile) await writeFile(vectorsFile, itemVectors);
await rm(folder, { recursive: true, force: true });
process.stdout.write(
  `${JSON.stringify({
    items,
    seconds: Object.values(phases).reduce((sum, seconds) => sum + seconds, 0),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    phases,
    cpuPhases,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  })}\n`,
);
process.exit(0);
