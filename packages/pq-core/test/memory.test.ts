import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import type { Index } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { kernelModule, normals, random, randomCodebook, randomCodes } from "./support.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Heap, array buffers and WebAssembly memory that are still in use. */
async function keptBytes(): Promise<number> {
  // What WebAssembly holds is given back some turns of the event loop after its owner was collected.
  for (let turn = 0; turn < 5; turn++) {
    collectGarbage();
    await setTimeout(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const NUM_ITEMS = 600_000;

/** An artifact in files, so that nothing of it is in memory when it is opened. */
async function writeFiles(folder: string): Promise<Uint8Array> {
  const codebook = randomCodebook({ dim: 64, M: 32, nbits: 4, nlist: 256, rotate: false }, 1);
  const ids = Uint32Array.from({ length: NUM_ITEMS }, (_, i) => i);
  const artifact = await writeArtifact({ codebook, ...randomCodes(codebook, NUM_ITEMS, 2), ids });
  for (const { key, bytes } of artifact.chunks) writeFileSync(join(folder, key), bytes);
  return artifact.manifestBytes;
}

it("a resident index keeps at most 1.1 times the bytes of its codes and ids, all its id pages read", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pq-core-memory-"));
  try {
    const manifestBytes = await writeFiles(folder);
    const module = kernelModule("kernel-relaxed.wasm");
    const source = { get: async (key: string) => new Uint8Array(readFileSync(join(folder, key))) };
    const use = async (): Promise<Index> => {
      const index = await openWhole(source, manifestBytes, { kernelModule: module });
      await index.search(normals(64, random(3)), { k: 100, nprobe: 32 });
      for (const { kind, first } of index.manifest.chunks) if (kind === "items") await index.items([first]);
      return index;
    };
    // Once before, so that compiled code and the like are not counted.
    await use();
    const before = await keptBytes();
    const index = await use();
    const kept = (await keptBytes()) - before;
    expect(index.kernel).toBe("relaxed-simd");
    const codesAndIds = NUM_ITEMS * (32 / 2 + 4);
    expect(kept).toBeGreaterThan(codesAndIds);
    expect(kept / codesAndIds).toBeLessThanOrEqual(1.1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
