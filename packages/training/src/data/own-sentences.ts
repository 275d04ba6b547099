import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { normalForm } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { type Csr, emptyLists, joined, listOf, toCsr } from "./csr.ts";
import { spreadEvenly } from "./gather.ts";
import { itemColumn, textOfItem } from "./item-texts.ts";
import { sentencesOf } from "./sentences.ts";
import type { Dataset, ItemTable, QuerySet } from "./types.ts";

/** Fewer training events than this for an item, and its own sentences are trained on too. */
export const FEW_EVENTS = 4;
/** Sentences of one item, its title and parts of them included. */
const MOST_OF_ITEM = 16;
/** Of a sentence, where an item has few: nobody types the whole of it. */
const PARTS = 3;
/** With so many training events for an item, people have said themselves what they type. */
const EVENTS_INSTEAD = 1;
/** Words of a part: as many as people search by. */
const PART_WORDS = { least: 2, most: 5 };
/** Characters of an item that are cut into sentences: the first pages of a book say what it is. */
const MOST_CHARS = 1 << 14;
/** Sentences of all items: of a large catalogue each item has fewer. */
const MOST = 1 << 20;
/** A sentence of more items (or a hundredth of them) is no item's own, such as "Free shipping"; but a title is. */
const MOST_ITEMS = 10;

/** For trainings without own sentences. */
export const NO_QUERIES: QuerySet = {
  count: 0,
  texts: [],
  users: [],
  histories: emptyLists(0),
  contexts: emptyLists(0),
  relevant: emptyLists(0),
};

/** Whether a training has the items' own sentences: as configured, or where its events are few and have texts. */
export function wantsOwnSentences({ events, training }: PoeemConfig, numEvents: number, numItems: number): boolean {
  return training.ownSentences ?? (events.query !== undefined && numEvents < FEW_EVENTS * numItems);
}

/**
 * The title of each item and the sentences of its text columns, as queries that led to it. Where these are few, and
 * fewer than one event for each item, so do some words of each, drawn at random by the training's seed.
 *
 * @param numEvents training events beside them
 * @param isTaken whether a text, in normal form, is no own sentence: it is held out
 * @throws UserError where they are asked for and items have neither a title nor `items.text`
 */
export function ownSentences(
  items: ItemTable,
  config: PoeemConfig,
  numEvents: number,
  isTaken: (form: string) => boolean,
): QuerySet {
  const title = items.fields.get("title")?.column;
  const { text } = config.items;
  if (title === undefined && text.length === 0) {
    if (config.data.events !== undefined && config.training.ownSentences === undefined) return NO_QUERIES;
    throw new UserError(
      `${config.data.events === undefined ? "without data.events" : "training.ownSentences"}: expected items with a ` +
        "title or with items.text to train on, got neither",
    );
  }
  const most = Math.max(1, Math.min(MOST_OF_ITEM, Math.floor(MOST / items.count)));
  const itemsOf = new Map<string, number[]>();
  const titles = new Set<string>();
  const room = new Int8Array(items.count);
  for (let item = 0; item < items.count; item++) {
    const named = title === undefined ? [] : [itemColumn(items, title)[item] ?? []].flat();
    const forms = new Set<string>();
    const own: string[] = [];
    for (const sentence of [...named, ...sentencesOf(textOfItem(items, text, item).slice(0, MOST_CHARS))]) {
      const form = normalForm(sentence);
      if (form === "" || forms.has(form) || isTaken(form)) continue;
      forms.add(form);
      own.push(sentence);
    }
    // the title, or what stands for it
    if (own.length > 0) titles.add(own[0]!);
    if (numEvents < EVENTS_INSTEAD * items.count)
      room[item] = Math.min(PARTS, Math.floor(most / Math.max(1, own.length)) - 1);
    for (const i of own.length > most ? spreadEvenly(own.length, most) : own.keys()) {
      const list = itemsOf.get(own[i]!);
      if (list) list.push(item);
      else itemsOf.set(own[i]!, [item]);
    }
  }
  const commonest = Math.max(MOST_ITEMS, items.count / 100);
  const kept = [...itemsOf].filter(([sentence, list]) => list.length <= commonest || titles.has(sentence));
  const random = new Random(config.training.seed);
  const isNew = (text: string): boolean => !itemsOf.has(text) && !isTaken(normalForm(text));
  const parts = partsOf(kept, (item) => room[item]!, random);
  for (const [text, list] of parts) if (list.size <= commonest && isNew(text)) kept.push([text, [...list]]);
  return {
    count: kept.length,
    texts: kept.map(([text]) => text),
    users: [],
    histories: emptyLists(kept.length),
    contexts: emptyLists(kept.length),
    relevant: toCsr(kept.map(([, list]) => list)),
  };
}

type Lists = Iterable<readonly [text: string, items: readonly number[]]>;

/** Parts of sentences, as many of each as its first item has room for, with the items that they lead to. */
function partsOf(sentences: Lists, room: (item: number) => number, random: Random): Map<string, Set<number>> {
  const parts = new Map<string, Set<number>>();
  for (const [sentence, list] of sentences)
    for (let i = room(list[0]!); i > 0; i--) {
      const part = partOf(sentence, random);
      if (part === undefined) break;
      const items = parts.get(part) ?? new Set();
      for (const item of list) items.add(item);
      parts.set(part, items);
    }
  return parts;
}

const WORDS = new Intl.Segmenter("und", { granularity: "word" });

/** Some words of a sentence, in their order; undefined where it has no more than those of a search. */
function partOf(sentence: string, random: Random): string | undefined {
  const words = Array.from(WORDS.segment(sentence)).flatMap(({ segment, isWordLike }) => (isWordLike ? segment : []));
  const { least, most } = PART_WORDS;
  if (words.length <= least) return undefined;
  const length = least + random.integer(Math.min(most, words.length - 1) - least + 1);
  const places = [...random.permutation(words.length)].slice(0, length).sort((a, b) => a - b);
  return places.map((at) => words[at]!).join(" ");
}

type TrainingEvents = Pick<Dataset, "eventQuery" | "eventItem" | "eventContext" | "past" | "eventWeight" | "dislikes">;

/** Training events with those of the items' own sentences behind them. @param numQueries queries of the others */
export function withSentences(
  events: TrainingEvents,
  numQueries: number,
  { count, relevant }: QuerySet,
): TrainingEvents {
  if (count === 0) return events;
  const { eventQuery, eventItem, eventContext, past, eventWeight } = events;
  const owners = new Uint32Array(relevant.values.length);
  for (let i = 0; i < count; i++) owners.fill(numQueries + i, relevant.offsets[i], relevant.offsets[i + 1]);
  return {
    ...events,
    eventQuery: joined(eventQuery, owners),
    eventItem: joined(eventItem, relevant.values),
    eventContext: eventContext && withEmpty(eventContext, owners.length),
    eventWeight: eventWeight && withOnes(eventWeight, owners.length),
    past: past && {
      // a sentence is nobody's: one more user, who had nothing before
      items: withEmpty(past.items, 1),
      user: joined(past.user, new Uint32Array(count).fill(past.items.offsets.length - 1)),
      length: joined(past.length, new Uint32Array(owners.length)),
    },
  };
}

/** Items that the query of a training event led to. */
export function itemsOfQuery({ train, ownSentences }: Dataset, query: number): Uint32Array {
  return query < train.count ? listOf(train.relevant, query) : listOf(ownSentences.relevant, query - train.count);
}

/**
 * Whether an item is known by its text alone: where own sentences are all there is to learn from, and it has a text. A
 * row of its own would learn its sentences by heart, and then their words say nothing of other items.
 */
export function isKnownByText({ behaviour, itemTexts: [columns] }: Dataset, item: number): boolean {
  return behaviour === 0 && columns !== undefined && listOf(columns, item).length > 0;
}

/** Numbers, and ones behind them. */
function withOnes(numbers: Float32Array, count: number): Float32Array {
  const all = new Float32Array(numbers.length + count).fill(1);
  all.set(numbers);
  return all;
}

/** Lists, and empty ones behind them. */
function withEmpty({ offsets, values }: Csr, count: number): Csr {
  return { offsets: joined(offsets, new Uint32Array(count).fill(values.length)), values };
}
