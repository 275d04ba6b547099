import { MASKED, Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { listOf } from "../src/data/csr.ts";
import { evenSizeOf, eventOrder } from "../src/train/event-order.ts";
import { HistoryBatchBuilder } from "../src/train/history-batch.ts";
import { readers } from "./histories.ts";

const options = { groupSize: 4, sources: 3, length: 5, negatives: 7, keepEmpty: false, mutual: false };

describe.each([false, true])("history batches, events with a time: %s", (timed) => {
  const { dataset } = readers({}, { timed });
  const past = dataset.past!;
  const order = eventOrder(dataset, 5, options.groupSize);
  const batches = Array.from({ length: 20 }, (_, i) => {
    const events = order(0).subarray(i * 64, (i + 1) * 64);
    return { events, batch: new HistoryBatchBuilder(dataset, options).build(events, new Random(i)) };
  });

  it("visit every event once an epoch, the events of a group side by side, in another order each epoch", () => {
    expect([...order(0)].sort((a, b) => a - b)).toEqual(Array.from(dataset.eventItem, (_, i) => i));
    expect(eventOrder(dataset, 5, options.groupSize)(1)).not.toEqual(order(0));
    expect(eventOrder(dataset, 5, options.groupSize)(1)).toEqual(order(1));
    const sizes = batches.flatMap(({ batch }) => batch.events.map((group) => group.length));
    expect(Math.max(...sizes)).toBe(options.groupSize);
  });

  it("never have a target in its own history, nor anything that came later", () => {
    for (const { batch } of batches) {
      batch.events.forEach((group, g) => {
        const query = dataset.eventQuery[group[0]!]!;
        const list = listOf(past.items, past.user[query]!);
        const wanted = Array.from(group, (event) => dataset.eventItem[event]!);
        expect(new Set(Array.from(group, (event) => dataset.eventQuery[event]!))).toEqual(new Set([query]));
        const found = Array.from(listOf(batch.targets, g), (c) => batch.candidates[c]!);
        expect(found.sort()).toEqual(wanted.sort());
        const places = Array.from({ length: 3 }, (_, s) => g * 3 + s).filter((p) => batch.placeMask[p] !== MASKED);
        const history = places.map((p) => batch.candidates[batch.sources[p]!]!);
        expect(history.length).toBeGreaterThan(0);
        expect(new Set(history).size).toBe(history.length);
        const end = Math.min(...Array.from(group, (event) => past.length[event]!));
        for (const item of history) {
          expect(wanted).not.toContain(item);
          const at = list.indexOf(item);
          expect(at).toBeGreaterThanOrEqual(timed ? Math.max(0, end - options.length - wanted.length) : 0);
          expect(at).toBeLessThan(end);
        }
      });
    }
  });

  it("hold each candidate once and know how often a batch has it", () => {
    const seen = new Float64Array(dataset.ids.length);
    const told = new Float64Array(dataset.ids.length);
    const builder = new HistoryBatchBuilder(dataset, options);
    const rounds = 400;
    for (let i = 0; i < rounds; i++) {
      const events = eventOrder(dataset, 100 + i, options.groupSize)(0).subarray(0, 16);
      const batch = builder.build(events, new Random(1000 + i));
      expect(new Set(batch.candidates).size).toBe(batch.candidates.length);
      batch.candidates.forEach((item, c) => {
        seen[item]! += 1 / rounds;
        told[item]! += Math.exp(batch.logQ[c]!) / rounds;
      });
    }
    // told is summed over the batches that have the item: share · mean of the estimate
    const estimate = told.map((sum, item) => sum / seen[item]!);
    const error = seen.map((share, item) => Math.abs(Math.log(share / estimate[item]!)));
    expect(error.reduce((sum, value) => sum + value, 0) / error.length).toBeLessThan(0.15);
  });
});

it("leaves out a group without a history, unless a context makes up for it", () => {
  const { dataset } = readers({}, { timed: true });
  const first = Uint32Array.from(dataset.past!.length, (length, event) => (length === 0 ? event : -1)).filter(
    (event) => event < dataset.eventItem.length,
  );
  expect(first.length).toBeGreaterThan(0);
  const build = (keepEmpty: boolean) =>
    new HistoryBatchBuilder(dataset, { ...options, keepEmpty }).build(first.subarray(0, 8), new Random(1));
  expect(build(false).numGroups).toBe(0);
  expect(build(true).numGroups).toBe(8);
  expect([...build(true).placeMask].every((value) => value === MASKED)).toBe(true);
});

describe("mutual groups", () => {
  const { dataset } = readers({}, { ofFirst: 20, numKinds: 3 });
  const groupSize = 6;
  const batches = (events: Uint32Array, seed: number) =>
    new HistoryBatchBuilder(dataset, { ...options, groupSize, sources: groupSize, mutual: true }).build(
      events,
      new Random(seed),
    );

  it("have each item of a user as target and source, in as few groups as there can be", () => {
    const order = eventOrder(dataset, 5, groupSize, evenSizeOf)(0);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from(dataset.eventItem, (_, i) => i));
    const batch = batches(order, 1);
    const groupsOf = new Map<number, number[]>();
    batch.events.forEach((group, g) => {
      const places = Array.from({ length: groupSize }, (_, s) => g * groupSize + s);
      const filled = places.filter((place) => batch.placeMask[place] !== MASKED);
      const sources = filled.map((place) => batch.candidates[batch.sources[place]!]!);
      expect(sources).toEqual(Array.from(group, (event) => dataset.eventItem[event]!));
      expect(Array.from(listOf(batch.targets, g), (column) => batch.candidates[column]!)).toEqual(sources);
      const user = dataset.eventQuery[group[0]!]!;
      groupsOf.set(user, [...(groupsOf.get(user) ?? []), group.length]);
    });
    for (const sizes of groupsOf.values()) {
      // neighbours in the order may be groups of one user; then they are cut anew
      const items = sizes.reduce((sum, size) => sum + size, 0);
      expect(sizes.length).toBeLessThanOrEqual(Math.ceil(items / groupSize) + 1);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(groupSize);
    }
  });

  it("leave out an event that is alone", () => {
    const order = eventOrder(dataset, 5, groupSize, evenSizeOf)(0);
    expect(batches(order.subarray(0, 1), 2).numGroups).toBe(0);
  });
});
