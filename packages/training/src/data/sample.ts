import { fnv1a32, mixBits } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { type ContextTable, contextTable } from "./contexts.ts";
import { buildDataset, type EventSplit, splitOf } from "./dataset.ts";
import { gather } from "./gather.ts";
import { smallest } from "./hold-out.ts";
import { pastOf } from "./past.ts";
import { queryForms } from "./query-forms.ts";
import { QuerySets } from "./query-sets.ts";
import { SIDE } from "./side.ts";
import { TextList } from "./text-list.ts";
import type { Catalogue, Dataset, Dictionary, EventTable, ItemTable, RawData } from "./types.ts";

/**
 * The data to train on: all of it, or that of some items of a larger catalogue (`training.sampleItems`). Which events
 * are held out is the same for both. Items that training events name come first, because they are what is learned from;
 * of them, and of the others, those with the smallest hashes of their ids. So the order of the rows plays no part, and
 * an item that comes or goes changes one other at most.
 */
export function trainingData(raw: RawData, config: PoeemConfig): Dataset {
  const { sampleItems = Infinity } = config.training;
  const split = splitOf(raw, config);
  if (sampleItems >= raw.ids.length) return buildDataset(raw, config, split);
  const named = namedItems(raw.events, split.sides, raw.ids.length);
  const items = sampleOf(raw, named, sampleItems);
  const numberOf = new Int32Array(raw.ids.length).fill(-1);
  items.forEach((item, number) => {
    numberOf[item] = number;
  });
  const kept = Uint32Array.from(raw.events.item.keys()).filter((event) => numberOf[raw.events.item[event]!]! >= 0);
  const events = eventsOf(raw.events, kept, numberOf);
  const sides = gather(split.sides, kept, 1);
  const part = { ...raw, ids: new TextList(Array.from(items, (item) => raw.ids.at(item)!)), events };
  const dataset = buildDataset({ ...part, items: itemsOf(raw.items, items) }, config, {
    ...split,
    forms: events.query && queryForms(events.query),
    sides,
  });
  const trained = (of: Uint8Array): number => of.reduce((count, side) => count + Number(side === SIDE.train), 0);
  return {
    ...dataset,
    catalogue: catalogueOf(raw, dataset, split, items, contextTable(events, sides)),
    sample: {
      items: items.length,
      named: named.reduce((count, isNamed) => count + isNamed, 0),
      eventsLeft: trained(split.sides) - trained(sides),
    },
  };
}

/** 1 for each item of an event that training reads. */
function namedItems({ item }: EventTable, sides: Uint8Array, numItems: number): Uint8Array {
  const named = new Uint8Array(numItems);
  item.forEach((number, event) => {
    const side = sides[event];
    if (side === SIDE.train || side === SIDE.known || side === SIDE.disliked) named[number] = 1;
  });
  return named;
}

/** Numbers of the items of a sample, ascending. */
function sampleOf({ ids }: RawData, named: Uint8Array, most: number): Uint32Array {
  // a prefix, so that this choice has nothing to do with that of the test; mixed, as ids that follow each other differ
  // in their last letters alone
  const hashOf = (item: number): number => mixBits(fnv1a32(`sample\t${ids.at(item)}`)) >>> 0;
  const chosen: number[] = [];
  for (const isNamed of [1, 0]) {
    const candidates = Array.from(named.keys()).filter((item) => named[item] === isNamed);
    const room = most - chosen.length;
    for (const item of candidates.length <= room ? candidates : smallest(candidates, hashOf, room)) chosen.push(item);
  }
  return Uint32Array.from(chosen).sort();
}

/** Some events, by the numbers that their items have in the sample. @param kept their positions, ascending */
function eventsOf(events: EventTable, kept: Uint32Array, numberOf: Int32Array): EventTable {
  const done = new Map<Dictionary, Dictionary>();
  // one column may be a query, a context and one of the split
  const keep = <T extends Dictionary>(column: T): T => {
    const numbers = done.get(column)?.numbers ?? gather(column.numbers, kept, 1);
    const own = { ...column, numbers };
    done.set(column, own);
    return own;
  };
  const values = (column: Float64Array | undefined) => column && Float64Array.from(kept, (event) => column[event]!);
  return {
    ...events,
    count: kept.length,
    query: events.query && keep(events.query),
    user: events.user && keep(events.user),
    item: Uint32Array.from(kept, (event) => numberOf[events.item[event]!]!),
    time: values(events.time),
    ...(events.weight && { weight: values(events.weight) }),
    part: events.part && keep(events.part),
    contexts: events.contexts.map(keep),
    columns: new Map([...events.columns].map(([name, column]) => [name, keep(column)])),
  };
}

/** The columns of some items. */
function itemsOf({ texts, numbers, vectors, fields }: ItemTable, items: Uint32Array): ItemTable {
  return {
    count: items.length,
    texts: new Map([...texts].map(([name, column]) => [name, Array.from(items, (item) => column[item]!)])),
    numbers: new Map([...numbers].map(([name, column]) => [name, Float64Array.from(items, (item) => column[item]!)])),
    vectors: new Map(
      [...vectors].map(([name, { length, values }]) => [name, { length, values: gather(values, items, length) }]),
    ),
    fields,
  };
}

/**
 * All training queries and all that is held out, by the numbers of all items.
 * @param sample numbers of the items of `dataset`
 * @param contexts the table of its training events, whose rows the model knows
 */
function catalogueOf(
  raw: RawData,
  { ownSentences, contextNames, queryVectors }: Dataset,
  { forms, sides }: EventSplit,
  sample: Uint32Array,
  contexts: ContextTable,
): Catalogue {
  const sets = new QuerySets(raw.events, forms, sides, raw.ids.length);
  const training = sets.train();
  const { set, ...test } = sets.heldOut(SIDE.test, contexts);
  const { relevant } = ownSentences;
  return {
    ids: raw.ids,
    items: raw.items,
    train: training.set,
    eventQuery: training.eventQuery,
    behaviour: training.positions.length,
    past: pastOf(raw.events, sides, raw.ids.length, training),
    ownSentences: { ...ownSentences, relevant: { ...relevant, values: gather(sample, relevant.values, 1) } },
    validation: sets.heldOut(SIDE.validation, contexts).set,
    test: set,
    ...test,
    contextNames,
    queryVectors,
  };
}
