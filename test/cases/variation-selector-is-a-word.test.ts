import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower, type QueryTower } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, writeCase } from "./case.ts";

const PICTURES = ["☀️", "✈️", "#️⃣", "*️⃣", "1️⃣", "🇫🇷", "🇩🇪", "👍🏽", "👍🏿", "👩‍🚒"];
const pictureOf = (n: number): string => PICTURES[n % PICTURES.length]!;

describe("pictures in queries", () => {
  let tower: QueryTower;
  beforeAll(async () => {
    const { train, index } = await writeCase(
      {
        "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`${n}`, `${title} ${pictureOf(n)}`])),
        "events.csv": csv(
          ["query", "item"],
          ...PRODUCTS.flatMap(({ n, title }) => [title, pictureOf(n)].map((query) => [query, `${n}`])),
        ),
      },
      caseConfig({ items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" }),
    );
    await train();
    tower = openQueryTower((await (await openIndexDirectory(index)).queryTower())!);
  });
  const embed = (text: string) => tower.embed({ text });

  it.each([
    ["☀️", "☀"],
    ["✈", "✈️"],
    ["✈︎", "✈️"],
    ["red bo\u00adot", "red boot"],
    ["\ufeffred boot\u200d", "red boot"],
    ["１⃣", "1️⃣"],
  ])("%s and %s are the same", (a, b) => {
    expect(embed(a)).toBeDefined();
    expect(embed(a)).toEqual(embed(b));
  });

  it.each([
    ["#️⃣", "*️⃣"],
    ["🇫🇷", "🇩🇪"],
    ["👍🏽", "👍🏿"],
    ["👍🏽", "👍"],
    ["👩‍🚒", "👩🚒"],
    ["1️⃣", "1"],
  ])("%s and %s are not", (a, b) => {
    expect(embed(a)).toBeDefined();
    expect(embed(a)).not.toEqual(embed(b));
  });

  // titles have many of each, and once it was a word
  it.each(["\ufe0f", "\u20e3", "\u200d", "❤️", "\u0301"])("%j says nothing", (text) =>
    expect(embed(text)).toBeUndefined(),
  );
});
