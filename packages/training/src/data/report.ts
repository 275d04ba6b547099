import { counted, formatCount } from "@poeem/offline/progress";
import type { PoeemConfig } from "../config.ts";
import { showExample } from "./problems.ts";
import { countWithout } from "./query-vectors.ts";
import type { AlsoTrained, Catalogue, DataReport, Dataset, LeftOut, QuerySet, RawData, SampleFacts } from "./types.ts";

/** What was read, what of it is for what, and what was left out; for `--json`. */
export interface DataFacts extends DataReport, HeldOutFacts {
  readonly hash: string;
  readonly trainingEvents: number;
  readonly trainingQueries: number;
  /** Titles and sentences of the items that were trained on beside them. */
  readonly ownSentences: number;
  readonly validationQueries: number;
  /** Only where a sample of the items is trained on. */
  readonly sample?: SampleFacts;
  /** Only where `events.weight` is named. */
  readonly weights?: WeightFacts;
  /** Held-out events, and held-out queries, that no query set has. */
  readonly left: LeftOut;
}

/** What the weights of all events say, those that are held out included. */
export interface WeightFacts {
  /** The smallest above 0, and the largest. */
  readonly least: number;
  readonly most: number;
  /** Events of weight 0. */
  readonly known: number;
  /** Events of a weight below 0, and pairs of a training query and an item that come of them. */
  readonly dislikes: number;
  readonly trainedDislikes: number;
}

/** The test set: its size, and what of it is known too well or not at all. */
export interface HeldOutFacts {
  readonly testQueries: number;
  /** Pairs of a held-out query and an item to find. */
  readonly testPairs: number;
  readonly alsoTrained: AlsoTrained;
  /**
   * Held-out queries of which nothing is known: no text, no history, no context. A split that is given has those of
   * users who are in no other part of it. Only popularity ranks for them; to all else they count as 0.
   */
  readonly unknownQueries: number;
  /** Texts of queries that have no row in `data.queries`, each once; only where there is one. */
  readonly withoutVectors?: { readonly training: number; readonly heldOut: number };
}

export function heldOutFacts({ train, test, alsoTrained, queryVectors }: Catalogue): HeldOutFacts {
  return {
    testQueries: test.count,
    testPairs: test.relevant.values.length,
    alsoTrained,
    unknownQueries: countUnknown(test),
    ...(queryVectors && {
      withoutVectors: { training: countWithout(queryVectors, train), heldOut: countWithout(queryVectors, test) },
    }),
  };
}

function countUnknown({ count, texts, histories, contexts }: QuerySet): number {
  if (texts.length > 0) return 0;
  const isEmpty = ({ offsets }: typeof histories, query: number) => offsets[query] === offsets[query + 1];
  let unknown = 0;
  for (let query = 0; query < count; query++) if (isEmpty(histories, query) && isEmpty(contexts, query)) unknown++;
  return unknown;
}

function weightFacts(
  { events: { weight } }: RawData,
  { dislikes }: Pick<Dataset, "dislikes">,
): WeightFacts | undefined {
  if (!weight) return undefined;
  let [least, most, known, disliked] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (const one of weight) {
    if (one === 0) known++;
    else if (one < 0) disliked++;
    else [least, most] = [Math.min(least, one), Math.max(most, one)];
  }
  return { least, most, known, dislikes: disliked, trainedDislikes: dislikes?.values.length ?? 0 };
}

/** What `poeem train` and the report say of the data. */
export function dataFacts(raw: RawData, dataset: Dataset): DataFacts {
  const { sample, catalogue = dataset } = dataset;
  const weights = weightFacts(raw, dataset);
  return {
    ...raw.report,
    hash: raw.hash,
    trainingEvents: dataset.behaviour,
    trainingQueries: dataset.train.count,
    ownSentences: dataset.ownSentences.count,
    validationQueries: catalogue.validation.count,
    ...(weights && { weights }),
    ...(sample && { sample }),
    ...heldOutFacts(catalogue),
    left: catalogue.left,
  };
}

/** The same as lines for a person. */
export function describeData(
  config: Pick<PoeemConfig, "name" | "data" | "split" | "training">,
  facts: DataFacts,
): string[] {
  const { unknownItems, left } = facts;
  const lines = [
    `${config.name}: ${counted(facts.items, "item")}, ${counted(facts.trainingEvents, "training event")} of ` +
      `${counted(facts.trainingQueries, "query")}; ` +
      `held out: ${counted(facts.testQueries, "query")}, and ${formatCount(facts.validationQueries)} to watch ` +
      `the training by`,
    ...describeSample(facts),
    ...describeWeights(config, facts),
    ...describeOwnSentences(facts),
    ...describeHeldOut(facts),
    ...(facts.testQueries === 0 ? [`nothing to evaluate later: ${nothingHeldOut(config)}`] : []),
  ];
  if (unknownItems.count > 0) {
    lines.push(
      `left out ${counted(unknownItems.count, "event")} of unknown items ` +
        `(${unknownItems.examples.map(showExample).join(", ")}); --strict makes them an error`,
    );
  }
  lines.push(...(facts.notes ?? []));
  if (left.repeats > 0) {
    lines.push(`left out ${counted(left.repeats, "held-out event")} whose query led to the same item in training`);
  }
  if (left.withoutHistory > 0) {
    lines.push(`left out ${counted(left.withoutHistory, "held-out user")} without a history`);
  }
  return lines;
}

/** Which items are trained on, where not all are; a line, or none. */
function describeSample({ sample, items }: DataFacts): string[] {
  if (!sample) return [];
  const { named, eventsLeft } = sample;
  const all = `trained on ${formatCount(sample.items)} of ${counted(items, "item")} (training.sampleItems)`;
  const others = "; the index has all of them, the others by their content alone";
  if (named <= sample.items)
    return [`${all}: ${formatCount(named)} that training events name, and others by a hash of their ids${others}`];
  return [
    `${all}, by a hash of their ids from ${formatCount(named)} that training events name: ` +
      `${counted(eventsLeft, "training event")} of others ${eventsLeft === 1 ? "is" : "are"} left out${others}`,
  ];
}

/** What the events weigh; a line, or none. */
function describeWeights({ training }: Pick<PoeemConfig, "training">, { weights }: DataFacts): string[] {
  if (!weights) return [];
  const { least, most, known, dislikes, trainedDislikes } = weights;
  const parts = [`${least === most ? least : `${least} to ${most}`} where something is liked`];
  if (known > 0) parts.push(`${counted(known, "event")} of 0 (known, not trained on)`);
  if (dislikes > 0) {
    const use =
      training.dislikes > 0
        ? `${formatCount(trainedDislikes)} trained away from, with training.dislikes ${training.dislikes}`
        : "no part of histories; training.dislikes trains away from them";
    parts.push(`${counted(dislikes, "dislike")} (${use})`);
  }
  return [`weights of events: ${parts.join("; ")}`];
}

/** How many of the items' own sentences are trained on, and why; a line, or none. */
function describeOwnSentences({ ownSentences, trainingEvents, items }: DataFacts): string[] {
  if (ownSentences === 0) return [];
  return [
    `also trained on: ${counted(ownSentences, "title")} and sentences of the items, with ` +
      `${(trainingEvents / items).toFixed(1)} training events for each item (training.ownSentences)`,
  ];
}

/** Why there is nothing to evaluate, and what would hold something out. */
export function nothingHeldOut({ data, split: { by, testModulus } }: Pick<PoeemConfig, "data" | "split">): string {
  if (data.events === undefined && by !== "given") return "there are no events: data.events or data.test has some";
  const cures: Readonly<Record<typeof by, string>> = {
    hash: `a split.testModulus below ${testModulus} holds out more, or another split.by`,
    user: `a split.testModulus below ${testModulus} holds out more, or another split.by`,
    last: "no user has two items",
    time: "none of its events can be asked",
    given: "none of its events can be asked",
  };
  const isOff = (by === "hash" || by === "user") && testModulus === 0;
  return `the split holds out no query (split.by "${by}"): ${isOff ? "split.testModulus is 0" : cures[by]}`;
}

/** What of the held-out queries is in training too, and which of them nothing is known of, a line each. */
export function describeHeldOut(facts: HeldOutFacts): string[] {
  const { testQueries, testPairs, alsoTrained, unknownQueries, withoutVectors } = facts;
  const without = describeWithoutVectors(withoutVectors);
  if (testQueries === 0) return without;
  const parts = [];
  if (alsoTrained.queries !== null) {
    parts.push(`${formatCount(alsoTrained.queries)} of ${counted(testQueries, "held-out query")} in some spelling`);
  }
  parts.push(`${formatCount(alsoTrained.pairs)} of ${counted(testPairs, "held-out pair")}`);
  const lines = [`also in training: ${parts.join(", ")}`];
  if (unknownQueries > 0) {
    lines.push(
      `${counted(unknownQueries, "held-out user")} ` +
        `${unknownQueries === 1 ? "has" : "have"} no history to be asked by: ` +
        "they count as 0 in every ranking but popularity",
    );
  }
  return [...lines, ...without];
}

/** How many texts are read without vectors, though there are some; a line, or none. */
function describeWithoutVectors(without: HeldOutFacts["withoutVectors"]): string[] {
  if (without === undefined || without.training + without.heldOut === 0) return [];
  return [
    `without a row in data.queries: ${counted(without.training, "training text")} and ` +
      `${formatCount(without.heldOut)} held out; their other inputs stand for them`,
  ];
}
