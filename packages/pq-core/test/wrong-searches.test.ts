/**
 * Whatever a search is asked wrongly is an InputError that names the parameter, with and without changes beside the
 * base.
 */
import { describe, expect, it } from "vitest";
import { type Index, InputError, openArtifact, type SearchOptions, scalarKernel } from "../src/index.ts";
import { writeArtifact } from "../src/write.ts";
import { chunkMap, readAll, smallArtifact, smallDelta } from "./hostile.ts";
import { memorySource, randomCodebook, randomCodes } from "./support.ts";

type Open = () => Promise<Index>;
const OPENED: readonly [string, Open][] = [
  ["a base", smallArtifact],
  ["a base with changes", smallDelta],
].map(([name, make]) => [
  name as string,
  async () => {
    const artifact = await (make as typeof smallArtifact)();
    return readAll(chunkMap(artifact), artifact.manifestBytes, true);
  },
]);

const query = new Float32Array(4).fill(0.5);
const MASKED = 'expected one of the members facet with in, number, and, or, not, got "mask"';

describe.each(OPENED)("%s", (_, open) => {
  it.each<[unknown, string, string]>([
    ["text", "query", 'expected a Float32Array or an array of at least one, got "text"'],
    [[], "query", "expected a Float32Array or an array of at least one, got Array(0)"],
    [[[1, 2, 3, 4]], "query", "expected a Float32Array, got Array(4)"],
    [new Float32Array(3), "query", "expected length 4, got 3"],
    [Float32Array.of(0, 1, Number.NaN, 0), "query[2]", "expected a finite number, got NaN"],
  ])("query %j", async (wrong, parameter, detail) => {
    const asked = (await open()).search(wrong as Float32Array);
    await expect(asked).rejects.toThrow(InputError);
    await expect(asked).rejects.toMatchObject({ parameter, detail });
  });

  it.each<[object, string, string]>([
    [{ k: 0 }, "k", "expected an integer from 1 to 100000, got 0"],
    [{ k: "7" }, "k", 'expected an integer from 1 to 100000, got "7"'],
    [{ nprobe: 1.5 }, "nprobe", "expected an integer from 1 to 16777216, got 1.5"],
    [{ exclude: "id1" }, "exclude", 'expected an array of ids, got "id1"'],
    [{ merge: { by: "mean" } }, "merge.by", 'expected max or sumExp, got "mean"'],
    [{ merge: { by: "sumExp", temperature: 0 } }, "merge.temperature", "expected a positive number, got 0"],
    [
      { merge: { by: "sumExp", temperature: 1, weights: [1, 2] } },
      "merge.weights",
      "expected length 1, one per query, got 2",
    ],
    [
      { merge: { by: "sumExp", temperature: 1, weights: [-1] } },
      "merge.weights[0]",
      "expected a positive number, got -1",
    ],
    [{ merge: { by: "sumExp", temperature: 1, exact: 1 } }, "merge.exact", "expected true or false, got 1"],
    // what the library makes for itself, written down by a caller
    [{ filter: { mask: { atMost: 1, words: () => Uint32Array.of(1) } } }, "filter", MASKED],
    [{ filter: { and: [{ mask: null }] } }, "filter", MASKED],
    [{ filter: "parity:even" }, "filter", 'expected an object, got "parity:even"'],
    [{ filter: { facet: "color", in: ["red"] } }, "filter", 'expected one of parity, rare, got "color"'],
    [{ filter: { facet: "parity", in: "even" } }, "filter", 'expected an array of values of parity, got "even"'],
    [{ filter: { number: "price", min: 1 } }, "filter", 'expected one of rank, got "price"'],
    [{ filter: { number: "rank", max: "1" } }, "filter", 'expected a number as a bound of rank, got "1"'],
    [{ filter: { and: {} } }, "filter", 'expected an array of filters as "and", got Object'],
    [
      { filter: { not: { facet: "parity", near: "even" } } },
      "filter",
      'expected one of the members facet with in, number, and, or, not, got "facet, near"',
    ],
  ])("options %j", async (options, parameter, detail) => {
    const asked = (await open()).search(query, options as SearchOptions);
    await expect(asked).rejects.toThrow(InputError);
    await expect(asked).rejects.toMatchObject({ parameter, detail });
  });

  it.each([
    [{ facet: "brand", in: ["acme"] }, 'names "brand", but this index has no facets to filter by'],
    [{ number: "price", min: 1 }, 'names "price", but this index has no numbers to filter by'],
  ])("filter %j of an index without any", async (filter, detail) => {
    const codebook = randomCodebook({ dim: 4, M: 2, nbits: 4, nlist: 0 }, 1);
    const { manifestBytes, chunks } = await writeArtifact({
      codebook,
      ...randomCodes(codebook, 3, 2),
      ids: Uint32Array.of(1, 2, 3),
    });
    const index = await openArtifact(memorySource(chunks), manifestBytes, { kernel: scalarKernel });
    const asked = index.search(query, { filter });
    await expect(asked).rejects.toThrow(InputError);
    await expect(asked).rejects.toMatchObject({ parameter: "filter", detail });
  });

  it("a filter nested too deeply", async () => {
    let filter: object = { facet: "parity", in: ["even"] };
    for (let depth = 0; depth < 40; depth++) filter = { not: filter };
    const asked = (await open()).search(query, { filter } as SearchOptions);
    await expect(asked).rejects.toMatchObject({ parameter: "filter", detail: "expected at most 32 levels, got 33" });
  });
});
