import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower, questionVectors } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, writeCase } from "./case.ts";

/** Of every four products one is each of these, so that a word of Latin begins 30 titles. */
const BRANDS = [
  { title: (n: number) => `iPhone红鞋${n}`, latin: "iPhone", other: "红鞋" },
  { title: (n: number) => `GalaxyライトNo${n}`, latin: "galaxy", other: "ライト" },
  { title: (n: number) => `KF94마스크 ${n}`, latin: "KF94", other: "마스크" },
  { title: (n: number) => `USB-Cสายชาร์จ ${n}`, latin: "usb-c", other: "สายชาร์จ" },
] as const;
const brandOf = (n: number) => BRANDS[n % BRANDS.length]!;

describe("Latin beside Han, Kana, Hangul or Thai", () => {
  let ask: (text: string) => Promise<string[] | undefined>;
  beforeAll(async () => {
    const { train, index } = await writeCase(
      {
        "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n }) => [`${n}`, brandOf(n).title(n)])),
        "events.csv": csv(
          ["query", "item"],
          ...PRODUCTS.flatMap(({ n }) =>
            [brandOf(n).title(n), `${brandOf(n).other}${n}`].map((query) => [query, `${n}`]),
          ),
        ),
      },
      caseConfig(
        { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
        { items: { textFromEvents: true }, training: { epochs: 6, batchSize: 64, validations: 0 } },
      ),
    );
    await train();
    const opened = await openIndexDirectory(index);
    const tower = openQueryTower((await opened.queryTower())!);
    ask = async (text) => {
      const query = await questionVectors(opened, tower, { text });
      if (query === undefined) return undefined;
      const { ordinals } = await opened.search(query.vectors, { k: 10, nprobe: 4 });
      return (await opened.items(ordinals)).map(({ id }) => String(id));
    };
  });

  // no query of the training is of Latin alone
  it.each(
    BRANDS.flatMap(({ latin, other }, brand) => [latin, other, `${other} ${latin}`].map((q) => [q, brand] as const)),
  )("%s finds the titles that have it", async (query, brand) => {
    const found = await ask(query);
    expect(found).toHaveLength(10);
    expect(found!.filter((id) => Number(id) % BRANDS.length === brand).length).toBeGreaterThanOrEqual(9);
  });
});
