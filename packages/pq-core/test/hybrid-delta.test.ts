import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { Vocabulary } from "../src/format/vocabulary.ts";
import type { Index } from "../src/index.ts";
import { openWords, searchHybrid, type Words } from "../src/words/index.ts";
import { writeArtifact, writeDelta } from "../src/write.ts";
import { Model, scenarios } from "./delta-catalogue.ts";
import { randomQuery } from "./hybrid-model.ts";
import { openWhole, type WholeOptions } from "./open-whole.ts";
import { kernelModule, memorySource, random } from "./support.ts";
import { TERMS } from "./word-rows.ts";

const OPTIONS: Record<string, WholeOptions> = {
  "scalar, resident": {},
  "relaxed, paged": { kernelModule: kernelModule("kernel-relaxed.wasm"), residentBytes: 0, cacheBytes: 4096 },
};

/** The words of an index with the counts of another, which still counts removed items. */
function withCounts(words: Words, counts: Words): Words {
  return {
    facts: words.facts,
    numItems: words.numItems,
    numTerms: words.numTerms,
    numPostings: counts.numPostings,
    count: (term) => counts.count(term),
    numLeft: (terms) => words.numLeft(terms),
    near: (word, most, edits, least) => words.near(word, most, edits, least),
    completions: (prefix, most) => words.completions(prefix, most),
    named: (hash) => words.named(hash),
    metered: (meter) => withCounts(words.metered(meter), counts),
    async postings(terms) {
      const found = await words.postings(terms);
      return found.map((list, i) => {
        const count = counts.count(terms[i]!);
        const none = {
          all: () => ({ ordinals: new Uint32Array(0), impacts: new Uint8Array(0) }),
          reader: () => ({ read: () => 0 }),
        };
        if (count === 0) return undefined;
        return {
          count,
          all: () => (list ?? none).all(),
          reader: () => (list ?? none).reader(),
          at: (own) => list?.at(own) ?? new Uint8Array(own.length),
          mark: (...into) => list?.mark(...into),
        };
      });
    },
  };
}

describe.each(Object.entries(OPTIONS))("words of an index with changes, %s", (_, options) => {
  it("give the answers of one written anew that counts the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        scenarios.map((scenario) => ({ ...scenario, extras: true })),
        async (scenario) => {
          const model = new Model(scenario);
          const chunks = new Map<string, { key: string; bytes: Uint8Array }>();
          const open = async (
            artifact: Awaited<ReturnType<typeof writeArtifact>>,
            previous?: Index,
          ): Promise<Index> => {
            for (const chunk of artifact.chunks) chunks.set(chunk.key, chunk);
            return openWhole(memorySource([...chunks.values()]), artifact.manifestBytes, { ...options, previous });
          };
          let index = await open(await writeArtifact(model.input()));
          for (const round of scenario.rounds) index = await open(await writeDelta(index, model.change(round)), index);
          const fresh = await open(await writeArtifact(model.input()));
          const words = (await openWords(index))!;
          const ofFresh = withCounts((await openWords(fresh))!, words);
          const next = random(scenario.seed);
          expect(words.numItems).toBe(ofFresh.numItems);
          const { numTerms } = words;
          const searches = vi.spyOn(Vocabulary.prototype, "rank");
          expect([words.numTerms, searches.mock.calls.length]).toEqual([numTerms, 0]);
          searches.mockRestore();
          expect(await words.numLeft(TERMS)).toEqual(await ofFresh.numLeft(TERMS));
          const all = words.completions("", words.numTerms);
          expect(words.numPostings).toBe(all.reduce((sum, term) => sum + words.count(term), 0));
          for (const hash of [7, 8, 0, 0xffff_ffff, 5]) expect(words.named(hash)).toEqual(ofFresh.named(hash));
          for (let i = 0; i < 6; i++) {
            const query = { ...randomQuery(TERMS, next), named: next() < 0.5 ? words.named(7) : new Uint32Array(0) };
            const { merge, ...rest } = model.options();
            const vectors = Array.from({ length: Math.floor(next() * 3) }, () => model.query());
            const dense = vectors.length === 0 ? undefined : { vectors, merge };
            const mode = (["hybrid", "words", "dense"] as const)[Math.floor(next() * 3)]!;
            const found = await searchHybrid(index, words, dense, query, { ...rest, mode });
            const expected = await searchHybrid(fresh, ofFresh, dense, query, { ...rest, mode });
            const { codesScanned: _scanned, ...answer } = found;
            const { codesScanned: _fewest, ...wanted } = expected;
            expect(answer).toEqual(wanted);
          }
        },
      ),
      { numRuns: 25, seed: 3 },
    );
  });
});
