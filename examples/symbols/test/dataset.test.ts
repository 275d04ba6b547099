import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { summarize, writeDataset } from "../src/build.ts";
import { buildDataset } from "../src/dataset.ts";
import { isEmoji } from "../src/glyph.ts";
import { locales } from "../src/locales.ts";
import type { Event, Item } from "../src/symbol.ts";
import { compareText, normalizeQuery } from "../src/text.ts";

const dir = mkdtempSync(join(tmpdir(), "symbols-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const dataset = buildDataset();
writeDataset(dir, dataset);
const readRows = <T>(file: string): T[] =>
  readFileSync(join(dir, file), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
const items = readRows<Item>("items.jsonl");
const events = readRows<Event>("events.jsonl");
const itemById = new Map(items.map((item) => [item.id, item]));
const queriesOf = (id: string) => new Set(events.filter((event) => event.item === id).map((event) => event.query));

const drawing =
  /^(24|256)[sf] ([+=]?[Mm][MmLlHhVvCcSsQqTtAaZz0-9.,\- ]+)(\|[+=]?[Mm][MmLlHhVvCcSsQqTtAaZz0-9.,\- ]+)*$/;

describe("the symbols data, as written to disk", () => {
  it("has the size that the index is planned for", () => {
    expect(items.length).toBeGreaterThan(15_000);
    expect(items.length).toBeLessThan(25_000);
    expect(events.length).toBeGreaterThan(250_000);
    expect(events.length).toBeLessThan(450_000);
  });

  it("has each id once, in order, and every row with the same keys", () => {
    expect(itemById.size).toBe(items.length);
    const ids = items.map((item) => item.id);
    expect(ids).toEqual([...ids].sort(compareText));
    expect(new Set(items.map((item) => Object.keys(item).join()))).toEqual(
      new Set(["id,title,set,kind,category,glyph,svg"]),
    );
    expect(new Set(events.map((event) => Object.keys(event).join()))).toEqual(new Set(["query,item,locale,source"]));
  });

  it("gives every item a title, a word that finds it, and one way to be drawn", () => {
    const found = new Set(events.map((event) => event.item));
    const wrong = items.filter(
      (item) =>
        item.title.trim() === "" ||
        !found.has(item.id) ||
        (item.kind === "icon"
          ? item.glyph !== null || !drawing.test(item.svg ?? "")
          : item.svg !== null || item.glyph === null),
    );
    expect(wrong.map((item) => item.id)).toEqual([]);
  });

  it("writes emoji fully qualified, so that they are drawn in colour", () => {
    const emoji = items.filter((item) => item.kind === "emoji");
    expect(emoji.filter((item) => !isEmoji(item.glyph ?? ""))).toEqual([]);
    expect(itemById.get("emoji:2764-fe0f")?.title).toBe("red heart");
    expect(emoji.length).toBeGreaterThan(1_800);
  });

  it("names an existing item in every event, and each pair of query and item once", () => {
    expect(events.filter((event) => !itemById.has(event.item))).toEqual([]);
    expect(new Set(events.map((event) => `${event.query}\n${event.item}`)).size).toBe(events.length);
  });

  it("keeps every query in normal form, and none of them empty", () => {
    expect(events.filter((event) => event.query === "" || normalizeQuery(event.query) !== event.query)).toEqual([]);
  });

  it("has words of every locale, for icons English ones alone", () => {
    expect(new Set(events.map((event) => event.locale))).toEqual(new Set(locales));
    expect(events.filter((event) => event.locale !== "en" && itemById.get(event.item)?.kind === "icon")).toEqual([]);
  });

  it("finds the cake in its languages and an arrow in every set", () => {
    const cake = queriesOf("emoji:1f382");
    for (const query of [
      "birthday cake",
      "gâteau d’anniversaire",
      "geburtstagskuchen",
      "誕生日",
      "торт",
      "كعكة عيد ميلاد",
    ]) {
      expect.soft(cake, query).toContain(query);
    }
    const sets = events.filter((event) => event.query === "arrow left").map((event) => itemById.get(event.item)?.set);
    expect(new Set(sets)).toEqual(new Set(["tabler", "lucide", "mdi", "phosphor"]));
    expect(queriesOf("emoji:1f1eb-1f1f7")).toContain("frankreich");
  });

  it("leaves only the two whole files behind, and counts them in its summary", () => {
    expect(readdirSync(dir).sort()).toEqual(["events.jsonl", "items.jsonl"]);
    expect(summarize(dataset)).toContain(`items ${items.length}:`);
    expect(summarize(dataset)).toContain(`events ${events.length} of`);
  });
});
