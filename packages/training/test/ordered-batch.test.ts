import { MASKED, Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { listOf } from "../src/data/csr.ts";
import { knownBefore } from "../src/data/past.ts";
import { eventOrderOf } from "../src/train/history-batch.ts";
import { OrderedBatchBuilder } from "../src/train/ordered-batch.ts";
import { walkers } from "./histories.ts";

const { config, dataset } = walkers();
const past = dataset.past!;
const order = eventOrderOf(config, dataset)(0);
const batchOf = (events: Uint32Array) =>
  new OrderedBatchBuilder(dataset, { length: 3, negatives: 0, dropout: 0 }).build(events, new Random(1));
const prefixOf = (event: number): number[] =>
  Array.from(listOf(past.items, past.user[dataset.eventQuery[event]!]!).subarray(0, past.length[event]!));

describe.each([0, 0.4])("ordered batches, share of histories left out: %s", (dropout) => {
  const options = { length: 3, negatives: 7, dropout };
  const builder = new OrderedBatchBuilder(dataset, options);
  const batches = Array.from({ length: 12 }, (_, i) => {
    const events = order.subarray(i * 64, (i + 1) * 64);
    return { events, batch: builder.build(events, new Random(i)) };
  });

  it("have for each event its item and the newest of what came before, never the item itself or anything later", () => {
    let left = 0;
    for (const { events, batch } of batches) {
      const asked = [...events].filter((event) => prefixOf(event).length > 0);
      expect(batch.numGroups).toBe(asked.length);
      asked.forEach((event, g) => {
        const wanted = listOf(batch.targets, g);
        expect(Array.from(wanted, (position) => batch.candidates[position])).toEqual([dataset.eventItem[event]]);
        const newest = prefixOf(event).reverse().slice(0, options.length);
        const rows = batch.rows.subarray(g * batch.places, (g + 1) * batch.places);
        const mask = batch.placeMask.subarray(g * batch.places, (g + 1) * batch.places);
        const read = Array.from(rows, (row) => batch.candidates[batch.sources[row]!]!);
        const count = mask.filter((value) => value === 0).length;
        expect([...mask]).toEqual(Array.from(mask, (_, s) => (s < count ? 0 : MASKED)));
        // some of them, the newest first
        expect(count).toBeGreaterThan(0);
        expect(read.slice(0, count)).toEqual(newest.filter((item) => read.slice(0, count).includes(item)));
        left += newest.length - count;
      });
    }
    expect(left > 0).toBe(dropout > 0);
  });

  it("have each source once, which does not compete with itself, and each candidate once", () => {
    for (const { batch } of batches) {
      expect(new Set(batch.sources).size).toBe(batch.sources.length);
      expect(new Set(batch.candidates).size).toBe(batch.candidates.length);
      batch.sources.forEach((position, row) => {
        expect([...listOf(batch.masked, row)]).toEqual([position]);
      });
    }
  });
});

it("candidates stand for the whole catalogue: targets and sources for themselves, negatives for all the others", () => {
  for (const negatives of [5, 1000]) {
    const builder = new OrderedBatchBuilder(dataset, { length: 3, negatives, dropout: 0 });
    const { candidates, sources, targets, logQ } = builder.build(order.subarray(0, 8), new Random(3));
    const own = new Set([...sources, ...targets.values]);
    expect(candidates.length).toBeGreaterThan(own.size);
    logQ.forEach((value, position) => {
      if (own.has(position)) expect(value).toBe(0);
    });
    const stoodFor = logQ.reduce((sum, value) => sum + Math.exp(-value), 0);
    expect(stoodFor).toBeCloseTo(dataset.ids.length, 3);
  }
});

it("targets count what their events do", () => {
  const weighted = { ...dataset, eventWeight: Float32Array.from(dataset.eventItem, (_, event) => 1 + (event % 3)) };
  const builder = new OrderedBatchBuilder(weighted, { length: 3, negatives: 0, dropout: 0 });
  const events = order.subarray(0, 32);
  const asked = [...events].filter((event) => prefixOf(event).length > 0);
  expect([...builder.build(events, new Random(1)).targetWeights!]).toEqual(asked.map((event) => 1 + (event % 3)));
  expect(batchOf(events).targetWeights).toBeUndefined();
});

it("an event that repeats an item of its own history teaches nothing", () => {
  const [event] = [...order].filter((one) => prefixOf(one).length > 1);
  const repeated = { ...dataset, eventItem: dataset.eventItem.with(event!, prefixOf(event!)[0]!) };
  const builder = new OrderedBatchBuilder(repeated, { length: 3, negatives: 0, dropout: 0 });
  expect(builder.build(Uint32Array.of(event!), new Random(1)).numGroups).toBe(0);
});

it("an item that comes several times counts once, where it comes last", () => {
  const { dataset } = walkers({}, { numUsers: 12, returns: 0.4, length: 12 });
  const prefixOf = (event: number): number[] => [...knownBefore(dataset, event)];
  let repeats = 0;
  for (let user = 0; user < 12; user++) {
    const events = [...dataset.eventQuery.keys()].filter((event) => dataset.eventQuery[event] === user);
    const walked = events.map((event) => dataset.eventItem[event]!);
    events.forEach((event, at) => {
      const before = walked.slice(0, at);
      repeats += before.length - new Set(before).size;
      expect(prefixOf(event)).toEqual(before.filter((item, i) => !before.includes(item, i + 1)));
      const builder = new OrderedBatchBuilder(dataset, { length: 3, negatives: 0, dropout: 0 });
      const { numGroups, rows, sources, candidates } = builder.build(Uint32Array.of(event), new Random(1));
      expect(numGroups).toBe(at === 0 || before.includes(walked[at]!) ? 0 : 1);
      const read = Array.from(rows, (row) => candidates[sources[row]!]!);
      if (numGroups > 0) expect(read).toEqual(prefixOf(event).reverse().slice(0, 3));
    });
  }
  expect(repeats).toBeGreaterThan(20);
});

it("an epoch visits every event once, those of a user side by side and in their order", () => {
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from(dataset.eventItem, (_, i) => i));
  for (let i = 1; i < order.length; i++) {
    const [one, next] = [order[i - 1]!, order[i]!];
    if (dataset.eventQuery[one] === dataset.eventQuery[next]) expect(next).toBe(one + 1);
    else expect(past.length[next]).toBe(0);
  }
});
