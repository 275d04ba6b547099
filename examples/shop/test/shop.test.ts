/** The files that a shop is written to, and an index of a small one. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { parseFilter } from "@poeem/pq-core";
import { openWords } from "@poeem/pq-core/words";
import { answerQuestion, openQueryTower } from "@poeem/towers";
import { loadConfig } from "@poeem/training/config";
import { trainIndex } from "@poeem/training/train-index";
import { beforeAll, describe, expect, it } from "vitest";
import { catalogueOf } from "../src/catalogue.ts";
import { COLOURS, KINDS, makeShop } from "../src/made-up.ts";
import { pictureOf } from "../src/picture.ts";
import { writeShop } from "../src/write-shop.ts";

const ROOT = resolve(import.meta.dirname, "..");
const CONFIG = join(ROOT, "poeem.config.ts");
const newFolder = (): string => mkdtempSync(join(tmpdir(), "poeem-shop-"));
const filesOf = (folder: string) =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));

describe("the catalogue", () => {
  const { products, clicks } = catalogueOf(makeShop({ items: 2000, events: 12_000, seed: 1 }));

  it("has an article number for each product, and clicks on these alone", () => {
    const skus = new Set(products.map(({ sku }) => sku));
    expect(skus.size).toBe(2000);
    expect(clicks).toHaveLength(12_000);
    expect(clicks.filter(({ sku }) => !skus.has(sku))).toEqual([]);
  });

  it("has prices in whole cents, of drills above those of socks", () => {
    const pricesOf = (kind: string) => products.filter((one) => one.kind === kind).map(({ price }) => price);
    for (const { price } of products) expect(Number(price.toFixed(2))).toBeCloseTo(price, 9);
    expect(Math.min(...products.map(({ price }) => price))).toBeGreaterThan(0);
    expect(Math.min(...pricesOf("drill"))).toBeGreaterThan(Math.max(...pricesOf("socks")));
  });

  it("has a picture of each kind in each colour, well-formed, without anything to load, and at most 1 kB", () => {
    const pictures = KINDS.flatMap(([kind]) => COLOURS.map((colour) => pictureOf(kind, colour)));
    expect(new Set(pictures).size).toBe(KINDS.length * COLOURS.length);
    for (const picture of pictures) {
      expect(picture.length).toBeLessThanOrEqual(1024);
      // no character that ends a URL, a cell or an attribute
      expect(picture).toMatch(/^data:image\/svg\+xml,%3Csvg xmlns='[^"<>#\n]*%3C\/svg%3E$/);
      const svg = decodeURIComponent(picture.slice(picture.indexOf(",") + 1));
      expect(svg).toMatch(/^<svg xmlns='[^']+' viewBox='0 0 24 24'>(<path( [a-z-]+='[^'<>]*')+\/>){2}<\/svg>$/);
    }
    expect(() => pictureOf("piano", "red")).toThrow(
      '[shop] picture expected a kind and a colour of the shop, got "piano"',
    );
  });
});

describe("the sample", () => {
  const script = join(ROOT, "src/sample.ts");

  it("is small", () => {
    const folder = newFolder();
    execFileSync(process.execPath, [script, "--out", folder]);
    const files = filesOf(folder);
    expect(Object.keys(files).sort()).toEqual(["clicks.csv", "products.csv"]);
    const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    expect(bytes).toBeLessThanOrEqual(150_000);
    expect(files["products.csv"]!.trim().split("\n").length - 1).toBeLessThanOrEqual(300);
    expect(files["products.csv"]).toMatch(/^sku,title,description,brand,category,kind,colour,price,image\n/);
    expect(files["clicks.csv"]).toMatch(/^query,sku\n/);
  });

  it("says what it needs", () => {
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    expect([status, stderr]).toEqual([2, expect.stringMatching(/^\[shop\] sample expected --out, .*, got none\n$/)]);
  });
});

describe("an index of a small shop", () => {
  const data = newFolder();
  const out = join(newFolder(), "index");
  beforeAll(async () => {
    writeShop(data, { items: 120, events: 800, seed: 3 });
    await trainIndex({ config: CONFIG, data, out, backend: "auto", checkpointEvery: 3600 });
  });

  async function search(text: string, filter?: string) {
    const index = await openIndexDirectory(out);
    const searched = { index, tower: openQueryTower((await index.queryTower())!), words: await openWords(index) };
    const options = { k: 10, ...(filter && { filter: parseFilter(filter) }) };
    const found = await answerQuestion(searched, { text }, options);
    return index.items(found!.ordinals);
  }

  it("finds an article number first, as it stands and without its signs", async () => {
    const { products } = catalogueOf(makeShop({ items: 120, events: 800, seed: 3 }));
    for (const { sku, image, price } of products.slice(0, 5)) {
      const [first] = await search(sku);
      expect(first).toMatchObject({ id: sku, fields: { sku, image, price } });
      expect((await search(sku.toLowerCase().replaceAll(/\W/g, "")))[0]!.id).toBe(sku);
    }
  });

  it("is filtered by colour and price", async () => {
    const items = await search("lamp", "colour:red AND price<60");
    expect(items.length).toBeGreaterThan(0);
    for (const { fields } of items) {
      expect(fields!["colour"]).toBe("red");
      expect(fields!["price"]).toBeLessThan(60);
    }
  });

  it("has what its page.json names, and queries to begin with", async () => {
    const page = JSON.parse(readFileSync(join(ROOT, "page.json"), "utf8"));
    const { items } = (await loadConfig(CONFIG)).config;
    for (const field of [page.image, page.subtitle, page.price.field, ...page.fields])
      expect(items.fields).toContain(field);
    for (const filter of page.filters) expect([...items.facets, ...items.numbers]).toContain(filter);
    const { manifest } = await openIndexDirectory(out);
    expect(manifest.queries!.length).toBeGreaterThanOrEqual(10);
    const asked = filesOf(data)
      ["clicks.csv"]!.split("\n")
      .map((line) => line.split(",")[0]);
    for (const query of manifest.queries!)
      expect(asked.filter((one) => one === query).length).toBeGreaterThanOrEqual(1);
  });
});
