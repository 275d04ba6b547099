import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower } from "@poeem/towers";
import { expect, it } from "vitest";
import { csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

/** The configuration of the README, which sets nothing that depends on how much there is. */
const README = {
  name: "shop",
  data: { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
  items: { text: ["title"], textFromEvents: true, categories: ["brand"], facets: ["brand"], fields: ["brand"] },
};

/** Settings of speed alone. */
const SMALL = { model: { dim: 32, hiddenDim: 0 } };

it.each([
  [120, 6, {}],
  [12, 3, {}],
  [3, 1, { index: { nbits: 8, numSubQuantizers: 8 } }],
  [1, 1, {}],
])(
  "%i items, each with %i events, train with a configuration that does not know how few they are",
  async (count, each, more) => {
    const products = PRODUCTS.slice(0, count);
    const { train, index, said } = await writeCase(
      {
        "items.csv": csv(["id", "title", "brand"], ...products.map(({ n, title }) => [`A${n}`, title, `b${n % 5}`])),
        "events.csv": csv(
          ["query", "item"],
          ...products.flatMap((product) =>
            queriesOf(product)
              .slice(0, each)
              .map((query) => [query, `A${product.n}`]),
          ),
        ),
      },
      { ...README, ...SMALL, ...more, split: { testModulus: 0, validation: 0 } },
    );
    await train();
    expect(said.filter((line) => line.startsWith("settings that fit"))).toHaveLength(1);
    const opened = await openIndexDirectory(index);
    const { title, n } = products.at(-1)!;
    const vector = openQueryTower((await opened.queryTower())!).embed({ text: title }) as Float32Array;
    const { ordinals } = await opened.search(vector, { k: 1 });
    expect((await opened.items(ordinals)).map(({ id }) => id)).toEqual([`A${n}`]);
  },
);
