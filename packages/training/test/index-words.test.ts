/** Which words an index gets, of those that can be made of a catalogue. */
import { createCodebook, encode, writeArtifact } from "@poeem/pq-core/write";
import { expect, it } from "vitest";
import { type IndexWords, writeWithWords } from "../src/artifact/index-words.ts";
import { resolveConfig } from "../src/config.ts";
import { emptyLists, toCsr } from "../src/data/csr.ts";
import type { Dataset, QuerySet } from "../src/data/types.ts";
import { itemTable } from "./item-table.ts";

const config = resolveConfig(
  { name: "t", data: { items: "FROM items", events: "FROM events" }, items: { text: ["title"] } },
  "test",
);
const COUNT = 40;
const POPULAR = 3;
const ids = Array.from({ length: COUNT }, (_, i) => `item-${String(i).padStart(2, "0")}`);
const codebook = createCodebook({
  ...{ dim: 4, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false },
  centroids: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
});

function querySet(asked: readonly (readonly [text: string, item: number])[]): QuerySet {
  const count = asked.length;
  return {
    ...{ count, texts: asked.map(([text]) => text), users: [] },
    ...{ histories: emptyLists(count), contexts: emptyLists(count) },
    relevant: toCsr(asked.map(([, item]) => [item])),
  };
}

/** Everybody asks for the lamp; of the other items somebody did once, in a word. */
const train = querySet([
  ...Array.from({ length: 60 }, (_, i) => [`lamp for room${i}`, POPULAR] as const),
  ...ids.flatMap((_, item) => (item === POPULAR ? [] : [["lamp", item] as const])),
]);

async function wordsOf(validation: QuerySet) {
  const items = itemTable(COUNT, { title: ids.map(() => "thing") });
  const dataset = { ids, items, train, validation, ownSentences: querySet([]) } as unknown as Dataset;
  const said: string[] = [];
  const write = (words: IndexWords | undefined) =>
    writeArtifact({
      ...{ codebook, ...encode(codebook, new Float32Array(4 * COUNT).fill(1)), ids },
      ...{ words: words!.words, wordFacts: words!.wordFacts, training: { words: words!.statistics } },
    });
  const { artifact, words } = await writeWithWords(dataset, config, write, (line) => said.push(line));
  const manifest = JSON.parse(new TextDecoder().decode(artifact.manifestBytes));
  return { said, words, recorded: manifest.training.words.queries };
}

const wanted = (item: (i: number) => number, count = 100) =>
  querySet(Array.from({ length: count }, (_, i) => [`lamp number${i}`, item(i)] as const));

it("lets many training queries count as long ones do not, where that finds more", async () => {
  const { said, words, recorded } = await wordsOf(wanted(() => POPULAR));
  expect(recorded).toEqual({ weight: 1, averageLength: expect.any(Number), b: 0 });
  expect(words!.statistics.queries).toEqual(recorded);
  expect(said.join("\n")).toMatch(/the words of many training queries weigh as much/);
});

it("normalises their length where that finds as much, and where there are too few queries to tell", async () => {
  for (const validation of [wanted((i) => i % 3), wanted(() => POPULAR, 99)]) {
    const { said, recorded } = await wordsOf(validation);
    expect(recorded).toEqual({ weight: 1, averageLength: expect.any(Number) });
    expect(said.join("\n")).not.toMatch(/weigh as much/);
  }
});
