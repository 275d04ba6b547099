import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower } from "@poeem/towers";
import { evaluateIndex } from "@poeem/training/evaluate-index";
import { expect, it } from "vitest";
import { csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

/** A stranger's first try: a catalogue, and no log of searches. */
const catalogue = { items: "SELECT * FROM 'items.csv'" };
const README = { text: ["title"], textFromEvents: true, categories: ["brand"], fields: ["brand"] };
const items = (count: number) =>
  csv(["id", "title", "brand"], ...PRODUCTS.slice(0, count).map(({ n, title }) => [`A${n}`, title, `b${n % 5}`]));
const small = { model: { dim: 32, hiddenDim: 0 } };

async function firstFor(index: string, text: string): Promise<unknown> {
  const opened = await openIndexDirectory(index);
  const vector = openQueryTower((await opened.queryTower())!).embed({ text }) as Float32Array;
  const { ordinals } = await opened.search(vector, { k: 1 });
  return (await opened.items(ordinals))[0]!.id;
}

it.each([50, 2, 1])("%i items without an event train, and are found by their titles", async (count) => {
  const { train, index, said, config } = await writeCase(
    { "items.csv": items(count) },
    { name: "shop", data: catalogue, items: README, ...small },
  );
  const { data } = await train();
  expect(data).toMatchObject({ events: 0, trainingEvents: 0, trainingQueries: 0, ownSentences: count });
  expect(said.filter((line) => line.startsWith("also trained on"))).toHaveLength(1);
  for (const { n, title } of [PRODUCTS[0]!, PRODUCTS[count - 1]!]) expect(await firstFor(index, title)).toBe(`A${n}`);
  await expect(evaluateIndex({ config, index, queries: 10, backend: "auto" })).rejects.toThrow(
    "nothing to evaluate: there are no events: data.events or data.test has some",
  );
});

it("a test set alone is evaluated, and none of its queries is trained on", async () => {
  const test = PRODUCTS.slice(0, 20).map((product) => [queriesOf(product)[2]!, `A${product.n}`]);
  const { train, index, config } = await writeCase(
    { "items.csv": items(120), "test.csv": csv(["query", "item"], ...test) },
    {
      ...{ name: "shop", items: README, ...small },
      data: { ...catalogue, test: "SELECT * FROM 'test.csv'" },
    },
  );
  const { data } = await train();
  expect(data).toMatchObject({ trainingEvents: 0, testQueries: 20, ownSentences: 120 });
  const { rows, heldOut } = await evaluateIndex({ config, index, queries: 100, backend: "auto" });
  expect(heldOut).toBe(20);
  expect(rows.find(({ name }) => name.startsWith("dense"))!.recallAt10).toBeGreaterThan(0.5);
});

it("events that all turn out to be held out leave the items' own words to train on", async () => {
  const { train, index } = await writeCase(
    { "items.csv": items(12), "events.csv": csv(["query", "item"], ["something else", "A1"]) },
    {
      ...{ name: "shop", items: README, ...small },
      data: { ...catalogue, events: "SELECT * FROM 'events.csv'" },
      split: { testModulus: 1 },
    },
  );
  expect((await train()).data).toMatchObject({ trainingEvents: 0, testQueries: 1, ownSentences: 12 });
  expect(await firstFor(index, PRODUCTS[3]!.title)).toBe("A3");
});

it.each<[string, Record<string, string>, object, RegExp]>([
  [
    "an empty file of events",
    { "items.csv": items(3), "events.csv": csv(["query", "item"]) },
    { data: { ...catalogue, events: "SELECT * FROM 'events.csv'" }, items: README },
    /^data\.events: expected at least one row, got none; left out of the configuration, training has the items' own/,
  ],
  [
    "items that are nothing but ids",
    { "items.csv": csv(["id", "brand"], ["A1", "x"]) },
    { data: catalogue, items: { categories: ["brand"] } },
    /^without data\.events: expected items with a title or with items\.text to train on, got neither$/,
  ],
  [
    "histories without events",
    { "items.csv": items(3) },
    { data: catalogue, items: README, events: { user: "user" } },
    /: events\.user expected data\.events, got none$/,
  ],
])("%s is refused", async (_, files, config, message) => {
  const { train } = await writeCase(files, { name: "shop", ...config });
  await expect(train()).rejects.toThrow(message);
});

it("an index trained with events is not evaluated as one without", async () => {
  const events = PRODUCTS.flatMap((product) => queriesOf(product).map((query) => [query, `A${product.n}`]));
  const files = { "items.csv": items(120), "events.csv": csv(["query", "item"], ...events) };
  const data = { ...catalogue, events: "SELECT * FROM 'events.csv'" };
  const trained = await writeCase(files, { name: "shop", data, items: README, ...small, training: { epochs: 2 } });
  await trained.train();
  const other = await writeCase(files, { name: "shop", data: catalogue, items: README });
  await expect(
    evaluateIndex({ config: other.config, index: trained.index, queries: 10, backend: "auto" }),
  ).rejects.toThrow(
    /was trained with data\.events "given", .* says nothing: held-out queries may have been trained on/,
  );
});
