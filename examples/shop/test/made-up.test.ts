import { describe, expect, it } from "vitest";
import { makeShop } from "../src/made-up.ts";

const options = { items: 300, events: 1200, seed: 7 };

describe("makeShop", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(makeShop(options)).toEqual(makeShop(options));
    expect(makeShop({ ...options, seed: 8 }).items).not.toEqual(makeShop(options).items);
  });

  it("has distinct ids, titles and codes, most products with a code in the title", () => {
    const { items, codes } = makeShop(options);
    expect(new Set(items.map(({ id }) => id)).size).toBe(300);
    expect(new Set(items.map(({ title }) => title)).size).toBe(300);
    const given = codes.filter((code) => code !== undefined);
    expect(given.length).toBeGreaterThan(200);
    expect(new Set(given.map((code) => code.replace(/\W/g, ""))).size).toBe(given.length);
    for (const [i, code] of codes.entries()) if (code) expect(items[i]!.title.endsWith(` ${code}`)).toBe(true);
  });

  it("leaves at least half of the codes unasked, and asks often for few products", () => {
    const { items, events, codes } = makeShop(options);
    const queries = events.map(({ query }) => query.toLowerCase());
    const unasked = codes.filter((code) => code && !queries.some((query) => query.includes(code.toLowerCase())));
    expect(unasked.length).toBeGreaterThan(codes.filter(Boolean).length / 2);
    const times = new Map<string, number>();
    for (const { item } of events) times.set(item, (times.get(item) ?? 0) + 1);
    const often = [...times.values()].sort((a, b) => b - a);
    expect(often.slice(0, items.length / 10).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(events.length / 3);
  });
});
