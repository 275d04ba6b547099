import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { describeDoubts } from "../src/data/doubts.ts";
import type { TextColumn } from "../src/data/types.ts";
import { itemTable } from "./item-table.ts";

const QUERIES = ["red shoe", "blue hat"];

function doubts(items: PoeemConfigInput["items"], columns: Record<string, TextColumn>, queries = QUERIES): string[] {
  const config = resolveConfig({ name: "t", data: { items: "-", events: "-" }, items }, "test");
  const count = Object.values(columns)[0]!.length;
  return describeDoubts({ items: itemTable(count, columns) }, config, queries);
}
const many = <T>(count: number, value: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => value(i));

describe("categories", () => {
  const of = (values: TextColumn): string[] => doubts({ categories: ["brand"] }, { brand: values });

  it("that are all different are refused, from 51 on", () => {
    const message =
      "items.categories: 51 of 51 items have a brand that no other item has: expected categories that items have in " +
      "common; words belong in items.text, numbers in items.inputs";
    expect(() => of(many(51, (i) => `b${i}`))).toThrow(message);
    expect(() => of([...many(51, (i) => `b${i}`), null, "", null])).toThrow(message);
    expect(of(many(50, (i) => `b${i}`))).toEqual([
      "items.categories: 50 of 50 items have a brand that no other item has: it says little about them",
    ]);
    expect(of(many(9, (i) => `b${i}`))).toEqual([]);
  });

  it("that are different in 90 % of the items get a line", () => {
    const some = (alone: number, count: number) => of(many(count, (i) => (i < alone ? `b${i}` : "common")));
    expect(some(90, 100)).toHaveLength(1);
    expect(some(89, 100)).toEqual([]);
    expect(some(0, 100)).toEqual([]);
  });

  it("may be rare where an item has common ones beside them", () => {
    expect(of(many(100, (i) => [`tag${i}`, i % 2 ? "odd" : "even"]))).toEqual([]);
    expect(() => of(many(100, (i) => [`tag${i}`, `also${i}`]))).toThrow("100 of 100 items");
  });
});

describe("texts", () => {
  const random = new Random(1);
  const hex = (n: number): string => many(n, () => random.integer(16).toString(16)).join("");
  const kinds: Record<string, (i: number) => string | null> = {
    "article numbers": (i: number) => `AB-${1000 + i}`,
    UUIDs: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    addresses: (i: number) => `https://example.org/p/${"abcdefghijklmnopqrst"[i % 20]}${"abc"[i % 3]}/${i % 7}`,
    numbers: (i: number) => String(5000 + i),
  };
  const titles = many(40, (i) => `thing${i} of wood`);

  it.each(Object.entries(kinds))("that are %s get a line, where there are words too", (_, value) => {
    const columns = { title: titles, sku: many(40, value) };
    const line = "items.text: sku looks like ids: words that no two items have in common";
    expect(doubts({ text: ["title", "sku"] }, columns)).toEqual([line]);
    expect(doubts({ text: ["sku"], textFromEvents: true }, columns)).toEqual([line]);
    // histories alone ask no words
    expect(doubts({ text: ["sku"] }, columns, [])).toEqual([line]);
  });

  it.each(Object.entries(kinds))("that are %s and all there is are refused, unless queries name them", (_, value) => {
    const sku = many(40, value);
    expect(() => doubts({ text: ["sku"] }, { sku })).toThrow(
      "items.text: sku holds ids, none of which is in a training query: expected a column of words, or " +
        "items.textFromEvents",
    );
    expect(doubts({ text: ["sku"] }, { sku }, [...QUERIES, `order ${sku[3]}`])).toHaveLength(1);
  });

  it("that no item has get a line, as do such categories", () => {
    const columns = { title: titles, blurb: many(40, () => null), tags: many(40, () => []) };
    expect(doubts({ text: ["title", "blurb"], categories: ["tags"] }, columns)).toEqual([
      "items.text: no item has a blurb",
      "items.categories: no item has a tags",
    ]);
  });

  it("of words are none, with digits or without", () => {
    const of = (title: TextColumn): string[] => doubts({ text: ["title"] }, { title });
    expect(of(titles)).toEqual([]);
    expect(of(many(40, (i) => ["lamp", "chair", "rope"][i % 3]!))).toEqual([]);
    expect(of(many(40, (i) => `word${"abcdefgh"[i % 8]}`))).toEqual([]);
    // years, which items share
    expect(of(many(40, (i) => String(1990 + (i % 20))))).toEqual([]);
    expect(of(many(40, (i) => (i < 8 ? "lamp" : `A${i}`)))).toEqual([]);
    expect(of(many(9, (i) => `A${i}`))).toEqual([]);
    expect(of(many(40, (i) => `iPhone红鞋${i}`))).toEqual([]);
  });
});
