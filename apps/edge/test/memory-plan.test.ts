/** What an index may cost is decided so that nothing it can do without keeps it from being served. */
import type { ChunkKind, Manifest } from "@poeem/pq-core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memoryDemand, planMemory } from "../src/index/memory-plan.ts";

const MiB = 1024 * 1024;

/** A manifest as far as memory goes. */
function manifestOf(sizes: Partial<Record<ChunkKind, number>>, numItems = 100_000): Manifest {
  const chunks = Object.entries(sizes).flatMap(([kind, size]) =>
    size > 0 ? [{ key: kind, kind, size, count: 1000, first: 0 }] : [],
  );
  return { version: "1", numItems, chunks } as unknown as Manifest;
}

const bytes = (most: number) => fc.integer({ min: 0, max: most * MiB });
const manifests = fc
  .record({
    codebook: bytes(2),
    "query-tower": bytes(30),
    delta: bytes(1),
    filters: bytes(14),
    words: bytes(35),
    postings: bytes(40),
    lists: bytes(60),
    items: bytes(60),
  })
  .map((sizes) => manifestOf(sizes));
const budgets = fc.double({ min: 1, max: 300, noNaN: true }).map((size) => Math.floor(size * MiB));
const PARAMETERS = { numRuns: 2000, seed: 16 };

/** What is planned within a budget; undefined: the index is refused. */
function planned(manifest: Manifest, maxIndexBytes: number) {
  const { least, most } = memoryDemand(manifest, { maxIndexBytes });
  if (least > maxIndexBytes) return undefined;
  return planMemory(manifest, Math.min(most, maxIndexBytes), { maxIndexBytes });
}

describe("an index", () => {
  it("that is served in some memory is served in any larger one, with what could be used before", () => {
    fc.assert(
      fc.property(manifests, budgets, budgets, (manifest, a, b) => {
        const [small, large] = [Math.min(a, b), Math.max(a, b)].map((budget) => planned(manifest, budget));
        if (small === undefined) return;
        expect(large).toBeDefined();
        if (small.keepsFilters) expect(large!.keepsFilters).toBe(true);
        // Filters come before words.
        if (small.keepsWords && large!.keepsFilters === small.keepsFilters) expect(large!.keepsWords).toBe(true);
      }),
      PARAMETERS,
    );
  });

  it("is refused only where it would be without filters and words too", () => {
    fc.assert(
      fc.property(manifests, budgets, (manifest, maxIndexBytes) => {
        const chunks = manifest.chunks.map((chunk) =>
          chunk.kind === "filters" || chunk.kind === "words" ? { ...chunk, size: 0 } : chunk,
        );
        const bare = { ...manifest, chunks: chunks.map((c) => (c.kind === "postings" ? { ...c, count: 0 } : c)) };
        expect(planned(manifest, maxIndexBytes) !== undefined).toBe(
          memoryDemand(bare, { maxIndexBytes }).least <= maxIndexBytes,
        );
      }),
      PARAMETERS,
    );
  });

  it("that grows is served at every size", () => {
    for (let words = 0; words <= 60; words += 0.25) {
      for (const filters of [0, 1, 4, 6]) {
        const manifest = manifestOf({
          codebook: MiB,
          filters: filters * MiB,
          words: words * MiB,
          postings: MiB,
          items: 40 * MiB,
        });
        expect(planned(manifest, 20 * MiB), `${words} MiB of words, ${filters} of filters`).toBeDefined();
      }
    }
  });

  it("leaves room for pages and what is always there, however little memory there is", () => {
    fc.assert(
      fc.property(manifests, budgets, (manifest, maxIndexBytes) => {
        const plan = planned(manifest, maxIndexBytes);
        if (plan === undefined) return;
        const pages = manifest.chunks.reduce(
          (sum, { kind, size }) => sum + (["lists", "items", "postings"].includes(kind) ? size : 0),
          0,
        );
        expect(plan.cacheBytes).toBeGreaterThanOrEqual(Math.min(6 * MiB, pages));
      }),
      PARAMETERS,
    );
  });
});
