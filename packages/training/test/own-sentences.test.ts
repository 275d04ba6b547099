import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { normalForm } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { textsFromEvents } from "../src/data/item-texts.ts";
import { FEW_EVENTS, itemsOfQuery } from "../src/data/own-sentences.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import { sentencesOf } from "../src/data/sentences.ts";
import { trainingLists } from "../src/evaluate/training-lists.ts";
import { BatchBuilder } from "../src/model/batch.ts";
import { load } from "./make-data.ts";

const WORDS = ["Red", "blue", "Lamp", "boot", "café", "Kite", "old", "Drum", "Äpfel", "small"];

/** Items whose titles and descriptions, in some spelling, are often what somebody asked. */
function shop(seed: number, numItems = 30, numEvents = 60) {
  const random = new Random(seed);
  const draw = () => WORDS[random.integer(WORDS.length)]!;
  const items = Array.from({ length: numItems }, (_, i) => ({
    id: `i${i}`,
    title: `${draw()} ${draw()}`,
    about: `${draw()} ${draw()}. Made of ${draw()}; not of ${draw()}!\n${draw()}`,
  }));
  const spelled = [(text: string) => text, (text: string) => text.toUpperCase(), (text: string) => `${text}!`];
  const events = Array.from({ length: numEvents }, () => {
    const { id, title, about } = items[random.integer(numItems)]!;
    const texts = [title, ...sentencesOf(about)];
    return { query: spelled[random.integer(3)]!(texts[random.integer(texts.length)]!), item: id };
  });
  return { items, events };
}

const reading: Partial<PoeemConfigInput> = {
  items: { text: ["title", "about"], textFromEvents: true },
  model: { minFeatureCount: 1 },
};
const withOwn = (ownSentences: boolean | undefined, more: Partial<PoeemConfigInput> = {}) => ({
  ...reading,
  ...more,
  training: { ownSentences },
});

describe("sentences", () => {
  it.each<[string, string[]]>([
    ["One here. Two there! Three?", ["One here.", "Two there!", "Three?"]],
    ["Costs 1.5 kg; see Node.js 22.3 for more", ["Costs 1.5 kg", "see Node.js 22.3 for more"]],
    ["a line\n\nanother\r\n", ["a line", "another"]],
    ["これは赤い。あれは青い！本当？", ["これは赤い", "あれは青い", "本当"]],
    ["यह लाल है। वह नीला है।", ["यह लाल है", "वह नीला है"]],
    ["… -- !! ; ?", []],
    ["", []],
  ])("of %j", (text, expected) => expect(sentencesOf(text)).toEqual(expected));
});

describe("the items' own sentences", () => {
  it("are the title and what the text columns say, each led to its items", async () => {
    const items = [
      { id: "a", title: "Red lamp", about: "Shines. Red LAMP! It hangs." },
      { id: "b", title: "Blue lamp", about: "Shines." },
    ];
    const { config, raw } = await load({ items }, withOwn(undefined));
    const { ownSentences, eventItem, eventQuery, train, behaviour } = buildDataset(raw, config);
    const led = Object.fromEntries(
      ownSentences.texts.map((text, i) => [text, Array.from(listOf(ownSentences.relevant, i))]),
    );
    expect(led).toEqual({ "Red lamp": [0], "Shines.": [0, 1], "It hangs.": [0], "Blue lamp": [1] });
    expect([train.count, behaviour, eventItem.length, eventQuery.length]).toEqual([0, 0, 5, 5]);
  });

  it("are at most sixteen of an item, its title among them, and no formula of the catalogue", async () => {
    const items = Array.from({ length: 40 }, (_, i) => ({
      id: `i${i}`,
      title: "Thing",
      about: Array.from({ length: 50 }, (_, n) => (n % 2 ? `Sentence ${n} of ${i}.` : "Free shipping.")).join(" "),
    }));
    const { config, raw } = await load({ items }, withOwn(undefined));
    const { ownSentences, eventItem } = buildDataset(raw, config);
    const counts = new Uint32Array(items.length);
    for (const item of eventItem) counts[item]!++;
    expect(Math.max(...counts)).toBeLessThanOrEqual(16);
    expect(Math.min(...counts)).toBeGreaterThan(10);
    expect(ownSentences.texts).toContain("Thing");
    expect(ownSentences.texts).not.toContain("Free shipping.");
  });

  it("of items with few of them have parts, of two to five words in order, that lead to the same items", async () => {
    const random = new Random(4);
    const draw = (n: number) => Array.from({ length: n }, () => WORDS[random.integer(WORDS.length)]!).join(" ");
    const items = Array.from({ length: 30 }, (_, i) => ({
      id: `i${i}`,
      title: `thing${i} ${draw(1 + (i % 9))}`,
      about: i < 20 ? `Free shipping from our own shop. And ${draw(6)} ${i}.` : `${draw(4)}.`,
    }));
    const { config, raw } = await load({ items }, withOwn(undefined));
    const { ownSentences, ids } = buildDataset(raw, config);
    const sentences = Array.from(ids, (id) => items.find((item) => item.id === id)!).map(({ title, about }) => [
      title,
      ...sentencesOf(about),
    ]);
    const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
    const isPart = (part: readonly string[], whole: readonly string[]): boolean => {
      let at = 0;
      for (const word of whole) if (word === part[at]) at++;
      return at === part.length;
    };
    let parts = 0;
    for (const [q, text] of ownSentences.texts.entries()) {
      const own = Array.from(listOf(ownSentences.relevant, q));
      if (sentences.flat().includes(text)) continue;
      parts++;
      expect(words(text).length).toBeGreaterThanOrEqual(2);
      expect(words(text).length).toBeLessThanOrEqual(5);
      expect(new Set(own).size).toBe(own.length);
      // never only of what all items say
      for (const item of own)
        expect(sentences[item]!.some((s) => !s.startsWith("Free") && isPart(words(text), words(s)))).toBe(true);
    }
    expect(parts).toBeGreaterThan(30);
    expect(buildDataset(raw, config).ownSentences).toEqual(ownSentences);
    // with an event for each item people have said themselves what they type
    const events = items.map(({ id }, i) => ({ query: `asked ${i}`, item: id }));
    const split = { testModulus: 0, validation: 0 };
    const told = await load({ items, events }, withOwn(true, { split }));
    const whole = buildDataset(told.raw, told.config).ownSentences;
    expect(whole.texts.filter((text) => !sentences.flat().includes(text))).toEqual([]);
    expect(whole.count).toBe(ownSentences.count - parts);
  });

  it.each([1, 2, 3, 4, 5])("hold no query that is held out, in no spelling (%i)", async (seed) => {
    const split = { testModulus: 3, validation: 1000 };
    const { config, raw } = await load(shop(seed), withOwn(true, { split }));
    const { ownSentences, validation, test } = buildDataset(raw, config);
    const own = new Set(ownSentences.texts.map(normalForm));
    const heldOut = [...validation.texts, ...test.texts].map(normalForm);
    expect(heldOut.length).toBeGreaterThan(10);
    expect(own.size).toBeGreaterThan(10);
    for (const form of heldOut) expect(own.has(form)).toBe(false);
  });

  it.each([1, 2])("are no behaviour: nothing else of the data knows them (%i)", async (seed) => {
    const files = shop(seed);
    const [on, off] = await Promise.all(
      [true, false].map(async (own) => {
        const { config, raw } = await load(files, withOwn(own));
        return { raw, dataset: buildDataset(raw, config) };
      }),
    );
    expect(off!.dataset.ownSentences.count).toBe(0);
    expect(on!.dataset.ownSentences.count).toBeGreaterThan(0);
    for (const key of ["train", "validation", "test", "heldOutHash", "alsoTrained", "behaviour"] as const)
      expect(on!.dataset[key]).toEqual(off!.dataset[key]);
    expect(trainingLists(on!.dataset)).toEqual(trainingLists(off!.dataset));
    const texts = [on!, off!].map(({ dataset }) => textsFromEvents(dataset.ids.length, dataset.train));
    expect(texts[0]).toEqual(texts[1]);
    const lengths = [on!, off!].map(({ dataset }) => dataset.itemTexts.at(-1)!.offsets);
    expect(lengths[0]).toEqual(lengths[1]);
    expect(on!.raw.hash).toBe(off!.raw.hash);
    // the events come first, as they would without
    const { behaviour, eventItem, eventQuery } = on!.dataset;
    expect(eventItem.subarray(0, behaviour)).toEqual(off!.dataset.eventItem);
    expect(eventQuery.subarray(0, behaviour)).toEqual(off!.dataset.eventQuery);
  });

  it("lead to their items in a batch, and to no other that they are of", async () => {
    const { config, raw } = await load(shop(7, 12, 20), withOwn(true));
    const dataset = buildDataset(raw, config);
    const all = Uint32Array.from(dataset.eventItem.keys());
    const { queries, items, masked } = new BatchBuilder(dataset, all.length).build(all);
    for (const i of all) {
      const right = itemsOfQuery(dataset, queries[i]!);
      expect(right).toContain(items[i]!);
      const expected = Array.from(all).filter((j) => j !== i && right.includes(items[j]!));
      expect(Array.from(listOf(masked, i)).sort((a, b) => a - b)).toEqual(expected);
    }
  });

  it("come where events are few beside the items, unless the configuration says otherwise", async () => {
    const own = async (numEvents: number, ownSentences?: boolean) => {
      const items = [{ id: "a", title: "red lamp" }];
      const events = Array.from({ length: numEvents }, (_, i) => ({ query: `query ${i}`, item: "a" }));
      const split = { testModulus: 0, validation: 0 };
      const { config, raw } = await load({ items, events }, { training: { ownSentences }, split });
      return buildDataset(raw, config).ownSentences.count;
    };
    expect(await own(FEW_EVENTS - 1)).toBe(1);
    expect(await own(FEW_EVENTS)).toBe(0);
    expect(await own(FEW_EVENTS, true)).toBe(1);
    expect(await own(1, false)).toBe(0);
  });

  it("have no history where events have users", async () => {
    const { items, events } = shop(3);
    const users = events.map((event, i) => ({ ...event, user: `u${i % 9}` }));
    const { config, raw } = await load(
      { items, events: users },
      withOwn(true, { events: { query: "query", user: "user" } }),
    );
    const { past, behaviour, eventQuery, eventItem, train, ownSentences } = buildDataset(raw, config);
    expect(past!.user).toHaveLength(train.count + ownSentences.count);
    expect(past!.length).toHaveLength(eventItem.length);
    for (let event = behaviour; event < eventItem.length; event++)
      expect(listOf(past!.items, past!.user[eventQuery[event]!]!)).toHaveLength(0);
  });

  it("are counted, with what they stand beside", async () => {
    const { config, raw } = await load(shop(1), withOwn(undefined, { split: { testModulus: 0, validation: 0 } }));
    const facts = dataFacts(raw, buildDataset(raw, config));
    expect(facts.ownSentences).toBeGreaterThan(30);
    expect([facts.trainingEvents, facts.events]).toEqual([60, 60]);
    expect(describeData(config, facts).filter((line) => line.startsWith("also trained on"))).toEqual([
      `also trained on: ${facts.ownSentences} titles and sentences of the items, with 2.0 training events for each ` +
        "item (training.ownSentences)",
    ]);
  });
});

describe("without events", () => {
  it("nothing is held out, and the hash is that of the items", async () => {
    const { items } = shop(1);
    const { config, raw } = await load({ items }, reading);
    const dataset = buildDataset(raw, config);
    expect([dataset.train.count, dataset.validation.count, dataset.test.count]).toEqual([0, 0, 0]);
    expect(dataset.ownSentences.count).toBeGreaterThan(30);
    // no item has a training query, so no tower may miss any
    expect(dataset.itemTexts).toHaveLength(1);
    const [again, other] = await Promise.all([load({ items }, reading), load({ items: items.slice(1) }, reading)]);
    expect(raw.hash).toBe(again.raw.hash);
    expect(raw.hash).not.toBe(other.raw.hash);
  });

  it("a given test set is held out, and is none of the sentences", async () => {
    const { items, events } = shop(2);
    const given = { items, test: events.slice(0, 30), validation: events.slice(30) };
    const { config, raw } = await load(given, reading);
    const dataset = buildDataset(raw, config);
    expect(dataset.train.count).toBe(0);
    expect(new Set(dataset.test.texts)).toEqual(new Set(given.test.map(({ query }) => query)));
    expect(new Set(dataset.validation.texts)).toEqual(new Set(given.validation.map(({ query }) => query)));
    const own = new Set(dataset.ownSentences.texts.map(normalForm));
    for (const { query } of events) expect(own.has(normalForm(query))).toBe(false);
  });

  it.each<[Partial<PoeemConfigInput>, string]>([
    [{ events: { user: "user" } }, "test: events.user expected data.events, got none"],
    [{ events: { context: ["device"] } }, "test: events.context expected data.events, got none"],
    [{ split: { column: "part" } }, "test: split.column expected data.events, got none"],
    [{ training: { ownSentences: false } }, "test: training.ownSentences false expected data.events, got none"],
  ])("%j is refused", (more, message) => {
    expect(() => resolveConfig({ name: "t", data: { items: "-" }, items: {}, ...more }, "test")).toThrow(message);
  });

  it.each<[object[], RegExp]>([
    [[{ id: 1, sku: "x" }], /^without data\.events: expected items with a title or with items\.text .*, got neither$/],
    [
      [
        { id: 1, title: "" },
        { id: 2, title: null },
      ],
      /^without data\.events: expected items with words .*, got none$/,
    ],
  ])("items that say nothing are refused", async (items, message) => {
    const { config, raw } = await load({ items });
    expect(() => buildDataset(raw, config)).toThrow(UserError);
    expect(() => buildDataset(raw, config)).toThrow(message);
  });

  it("an empty file of events is a mistake, and is told what to do instead", async () => {
    await expect(load({ items: [{ id: 1, title: "a" }], events: [] })).rejects.toThrow(UserError);
  });
});
