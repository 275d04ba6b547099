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
  // What WebAssembly holds is given back some turns of the event loop after its owner was collected, and a busy machine
  // takes more of them than a quiet one: so wait until nothing more goes.
  let least = Number.POSITIVE_INFINITY;
  for (let still = 0; still < 10; still++) {
    collectGarbage();
    await setTimeout(20);
    const { heapUsed, external } = process.memoryUsage();
    if (heapUsed + external < least - 1000) still = 0;
    least = Math.min(least, heapUsed + external);
  }
  return least;
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
    // One before, so that compiled code and the like are not counted, and the median of three: the test runner lets go
    // of a megabyte of its own at some time.
    const held = [await use()];
    const kept: number[] = [];
    let before = await keptBytes();
    while (kept.length < 3) {
      held.push(await use());
      const after = await keptBytes();
      kept.push(after - before);
      before = after;
    }
    for (const index of held) expect(index.kernel).toBe("relaxed-simd");
    const codesAndIds = NUM_ITEMS * (32 / 2 + 4);
    const median = kept.sort((a, b) => a - b)[1] as number;
    expect(median).toBeGreaterThan(codesAndIds);
    expect(median / codesAndIds).toBeLessThanOrEqual(1.1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
