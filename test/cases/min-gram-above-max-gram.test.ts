import { UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower } from "@poeem/towers";
import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, someQueriesOf, writeCase } from "./case.ts";

const files = {
  "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title])),
  "events.csv": csv(
    ["query", "item"],
    ...PRODUCTS.flatMap((product) => someQueriesOf(product).map((query) => [query, `A${product.n}`])),
  ),
};
const data = { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" };
const withGrams = (minGram: number, maxGram: number) =>
  caseConfig(data, {
    items: { textFromEvents: true },
    model: { dim: 16, hiddenDim: 0, minFeatureCount: 1, minGram, maxGram },
  });

it.each([
  [5, 4],
  [2, 1],
])("n-grams from %i to %i are refused before the data are read", async (minGram, maxGram) => {
  const { train } = await writeCase({}, withGrams(minGram, maxGram));
  const refused = expect(train()).rejects;
  await refused.toThrow(UserError);
  await refused.toThrow(
    `model.minGram expected at most model.maxGram (${maxGram}), got ${minGram}; model.maxGram 0 turns n-grams off`,
  );
});

it.each([
  [3, 4, true],
  [4, 4, true],
  [5, 0, false],
])("n-grams from %i to %i: a misspelt word is known: %s", async (minGram, maxGram, isKnown) => {
  const { train, index } = await writeCase(files, withGrams(minGram, maxGram));
  await train();
  const tower = openQueryTower((await (await openIndexDirectory(index)).queryTower())!);
  expect(tower.embed({ text: "ladderr" }) !== undefined).toBe(isKnown);
});
