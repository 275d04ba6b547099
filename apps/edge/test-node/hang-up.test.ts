/** Clients that hang up, in workerd over a socket: what the platform cancels keeps nobody else from an answer. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RunningWorker, startWorker } from "../bench/worker.ts";
import { encodeVector } from "../src/http/vector.ts";
import { memoryDemand } from "../src/index/memory-plan.ts";
import { randomFloats } from "../test/fixture.ts";

const root = mkdtempSync(join(tmpdir(), "edge-hang-up-"));
const [dim, nlist, numItems] = [32, 64, 60_000];
const random = randomFloats(20261129);
const floats = (length: number) => Float32Array.from({ length }, random);
const below = (n: number) => Math.floor(((random() + 1) / 2) * n);

const artifact = await writeArtifact({
  codebook: createCodebook({
    ...{ dim, metric: "innerProduct", nlist, numSubQuantizers: 32, nbits: 4, byResidual: true },
    coarseCentroids: floats(nlist * dim),
    centroids: floats(dim * 16),
  }),
  assignments: Uint32Array.from({ length: numItems }, () => below(nlist)),
  codes: Uint8Array.from({ length: numItems * 32 }, () => below(16)),
  ids: Uint32Array.from({ length: numItems }, (_, i) => i),
  listChunkBytes: 32 * 1024,
});

/** Every cell is visited, which takes a share of all turns where lists are paged. */
const search = `/search?nprobe=${nlist}&vector=${encodeVector(floats(dim))}`;

/** A Worker with these options, built into a folder. */
async function buildWorker(name: string, options: string): Promise<string> {
  const folder = join(root, name);
  mkdirSync(folder);
  await build({
    stdin: {
      contents: `import { createWorker } from "./create-worker.ts"; export default createWorker(${options});`,
      resolveDir: join(import.meta.dirname, "../src"),
    },
    ...{ outfile: join(folder, "worker.js"), bundle: true, format: "esm", target: "es2024", logLevel: "error" },
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
  });
  return folder;
}

const built = { whole: "", paged: "" };
beforeAll(async () => {
  built.whole = await buildWorker("whole", "{}");
  built.paged = await buildWorker("paged", `{ maxIndexBytes: ${memoryDemand(artifact.manifest).least} }`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

let worker: RunningWorker | undefined;
afterEach(async () => worker?.stop());

async function start(kind: keyof typeof built) {
  const log: string[] = [];
  worker = await startWorker({
    badDay: true,
    built: built[kind],
    onLog: (line) => log.push(line),
  });
  await worker.publish(artifact);
  /** How often the log has an event. */
  const count = (event: string) => log.filter((line) => line.includes(`"event":"${event}"`)).length;
  return { worker, count };
}

const resultsOf = (body: string) => (JSON.parse(body) as { results: unknown[] }).results;

describe("clients that hang up", () => {
  it("in a cold start leave the index to the next one, read once", async () => {
    const { worker, count } = await start("whole");
    await worker.trouble("/set?slow=60");
    await Promise.all([15, 30, 80, 150].map((afterMs) => worker.hangUp(search, afterMs)));
    const first = await worker.send(search);
    expect(first.status).toBe(200);
    expect(resultsOf(first.body)).toHaveLength(10);
    const { chunks } = await worker.trouble("/counts");
    expect(count("cold-start")).toBe(1);
    // Only pages that first answers want, which are read ahead as well, come more than once.
    expect(chunks).toBeLessThan(1.3 * artifact.chunks.length);
    await worker.trouble("/set?");
    expect(resultsOf((await worker.ask(search)).body)).toEqual(resultsOf(first.body));
    expect((await worker.ask("/readyz")).status).toBe(200);
  });

  it("in searches of a paged index, and in the row for a turn, keep no turn of those that stay", async () => {
    const { worker, count } = await start("paged");
    const expected = resultsOf((await worker.ask(search)).body);
    const { index } = JSON.parse((await worker.ask("/version")).body);
    expect(index.memory).toMatchObject({ lists: "read" });
    await worker.trouble("/set?slow=30");
    // More of them than there are turns.
    await Promise.all(Array.from({ length: 40 }, (_, i) => worker.hangUp(search, 20 + 10 * (i % 10))));
    await worker.trouble("/set?");
    const answers = await Promise.all(Array.from({ length: 8 }, () => worker.send(search)));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(resultsOf(body)).toEqual(expected);
    }
    expect([count("fault"), count("refused")]).toEqual([0, 0]);
  });
});
