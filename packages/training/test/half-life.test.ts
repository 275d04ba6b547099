import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, readConfig, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { agesOf, foretellingHalfLife, shareLeft } from "../src/data/half-life.ts";
import { SIDE } from "../src/data/side.ts";
import { splitEvents } from "../src/data/split.ts";
import type { RawData } from "../src/data/types.ts";
import { describeFit, fitConfig } from "../src/train/fit-config.ts";
import { itemTable } from "./item-table.ts";
import { load, randomWorld } from "./make-data.ts";

const NUM_ITEMS = 100;

/**
 * 4,000 events, oldest first, of items near one that wanders over the catalogue once in every `period` of all events;
 * Infinity: it stays.
 */
function wandering(period: number): { items: Uint32Array; ages: Float64Array } {
  const random = new Random(5);
  const count = 4000;
  const items = Uint32Array.from({ length: count }, (_, event) => {
    const center = (NUM_ITEMS * event) / count / period;
    return Math.floor(center + 15 * Math.abs(random.normal())) % NUM_ITEMS;
  });
  return { items, ages: Float64Array.from({ length: count }, (_, event) => (count - 1 - event) / count) };
}

describe("a half-life that the data say", () => {
  const found = (period: number) => {
    const { items, ages } = wandering(period);
    return foretellingHalfLife(items, ages, NUM_ITEMS);
  };

  it("is none where popularity stays, and the shorter the faster it moves", () => {
    expect(found(Infinity)).toBe(0);
    const [slow, fast] = [found(8), found(1.5)];
    expect(slow).toBeGreaterThan(0);
    expect(fast).toBeGreaterThan(0);
    expect(fast).toBeLessThan(slow);
  });

  it("is none where nothing moves, however few events there are", () => {
    for (const count of [2, 10, 60, 999, 1000, 3000]) {
      const random = new Random(count);
      for (let draw = 0; draw < 30; draw++) {
        const items = Uint32Array.from({ length: count }, () => random.integer(NUM_ITEMS));
        const ages = Float64Array.from({ length: count }, (_, event) => event / count);
        expect(foretellingHalfLife(items, ages, NUM_ITEMS)).toBe(0);
      }
    }
    // one that is chosen again and again just now
    const items = Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 8).reverse();
    expect(
      foretellingHalfLife(
        items,
        Float64Array.from(items, (_, event) => event / 10),
        NUM_ITEMS,
      ),
    ).toBe(0);
  });

  it("is none where chance alone speaks for one, or nothing is older than what is foretold", () => {
    const { items, ages } = wandering(3);
    const few = (column: Float64Array | Uint32Array) => column.filter((_, event) => event % 200 === 0);
    expect(foretellingHalfLife(few(items) as Uint32Array, few(ages) as Float64Array, NUM_ITEMS)).toBe(0);
    expect(foretellingHalfLife(items, ages.fill(0), NUM_ITEMS)).toBe(0);
    expect(foretellingHalfLife(new Uint32Array(0), new Float64Array(0), NUM_ITEMS)).toBe(0);
  });
});

it("the age of an event is the share of the training events that are newer", () => {
  const random = new Random(3);
  const time = Float64Array.from({ length: 300 }, () => random.integer(60) / 4 - 5);
  const positions = Uint32Array.from({ length: 100 }, (_, i) => 3 * i + 1);
  const age = agesOf(time, positions);
  time.forEach((at, event) => {
    expect(age(event)).toBe(positions.filter((other) => time[other]! > at).length / positions.length);
  });
});

describe("events of a half-life", () => {
  const world = (seed: number) => {
    const { items, events } = randomWorld(seed);
    return { items, events: events.map((row, at) => ({ ...row, weight: [1, 3, 0.5, 0, -2][at % 5]! })) };
  };
  const asked = { user: "user", time: "time", weight: "weight" };

  it.each<[string, PoeemConfigInput["split"]]>([
    ["time", { by: "time", share: 0.2 }],
    ["hash", { by: "hash", testModulus: 4 }],
  ])("count what their weight and their age say, by a split by %s", async (_, split) => {
    const { raw, config } = await load(world(4), { events: { ...asked, halfLife: 0.1 }, split });
    const aged = buildDataset(raw, config);
    const even = buildDataset(raw, { ...config, events: { ...config.events, halfLife: 0 } });
    const sides = splitEvents(raw.events, undefined, raw.ids, config);
    const positions = Uint32Array.from(sides.keys()).filter((event) => sides[event] === SIDE.train);
    const age = agesOf(raw.events.time!, positions);
    const wanted = Array.from(positions, (event, i) => even.eventWeight![i]! * shareLeft(age(event), 0.1));
    const mean = wanted.reduce((sum, one) => sum + one, 0) / wanted.length;
    expect(aged.eventItem).toEqual(even.eventItem);
    aged.eventWeight!.forEach((weight, i) => void expect(weight).toBeCloseTo(wanted[i]! / mean, 4));
    expect(Math.max(...wanted) / Math.min(...wanted)).toBeGreaterThan(500);
    // a dislike is as old as an event of the same moment
    const ratio = aged.dislikes!.weights.map((weight, i) => weight / even.dislikes!.weights[i]!);
    expect(Math.max(...ratio) / Math.min(...ratio)).toBeGreaterThan(50);
  });

  it("refuse one of hardly any events, and let the oldest count for something", () => {
    const { items, ages } = wandering(3);
    const of = (halfLife: number) =>
      dataset(items, ages, { events: { user: "user", time: "time", halfLife }, split: { by: "time" } }).dataset;
    expect(() => of(1e-9)).toThrow(/events\.halfLife: expected 0, or the share of at least 16 of the .* got 1e-9/);
    const { eventWeight } = of(20 / items.length);
    expect(Math.min(...eventWeight!)).toBeGreaterThan(0);
    expect(Math.max(...eventWeight!) / Math.min(...eventWeight!)).toBeLessThan(2 ** 20.01);
  });

  it("have one by default where a search is to find what comes after all of them, and it is told", () => {
    const { items, ages } = wandering(1.5);
    const byTime = dataset(items, ages, { split: { by: "time", share: 0.1 } });
    expect(byTime.dataset.halfLife).toBeGreaterThan(0);
    expect(byTime.fitted.events.halfLife).toBe(byTime.dataset.halfLife);
    expect(byTime.lines.join()).toMatch(/events\.halfLife 0\.\d+: what an event counts falls by half/);
    // and it stays what it was, when the index is read
    expect(fitConfig(readConfig(byTime.fitted, "an index"), byTime.dataset).events).toEqual(byTime.fitted.events);
    for (const more of [
      { split: { by: "last" } },
      { split: { by: "time" }, events: { user: "user", time: "time", halfLife: 0 } },
      { split: { by: "time" }, model: { history: { as: "mean" } } },
    ] satisfies Partial<PoeemConfigInput>[]) {
      const other = dataset(items, ages, more);
      expect([other.dataset.halfLife, other.dataset.eventWeight]).toEqual([0, undefined]);
      expect(other.lines.join()).not.toContain("halfLife");
    }
  });
});

/** What becomes of events of ten users in turn. */
function dataset(items: Uint32Array, ages: Float64Array, more: Partial<PoeemConfigInput>) {
  const config = resolveConfig(
    { name: "t", data: { items: "-", events: "-" }, items: {}, events: { user: "user", time: "time" }, ...more },
    "test",
  );
  const order = Array.from(items.keys()).sort((a, b) => (a % 10) - (b % 10) || a - b);
  const user = { values: [..."abcdefghij"], numbers: Uint32Array.from(order, (event) => event % 10) };
  const raw: RawData = {
    ids: Array.from({ length: NUM_ITEMS }, (_, i) => `item-${i}`),
    items: itemTable(NUM_ITEMS, {}),
    events: {
      ...{ count: items.length, query: undefined, user, item: Uint32Array.from(order, (event) => items[event]!) },
      ...{ ordered: true, time: Float64Array.from(order, (event) => 1 - ages[event]!), part: undefined },
      ...{ contexts: [], columns: new Map([["user", user]]) },
    },
    report: { items: NUM_ITEMS, events: items.length, unknownItems: { count: 0, examples: [] } },
    hash: "",
  };
  const dataset = buildDataset(raw, config);
  const fitted = fitConfig(config, dataset);
  return { dataset, fitted, lines: describeFit(config, fitted, dataset) };
}
