import { UserError } from "@poeem/offline/errors";
import type { z } from "zod";
import {
  codesOf,
  hasContent,
  idRowsOf,
  isValidated,
  isVectorsOnly,
  kindOf,
  usualSettings,
  type WithKind,
} from "./kinds.ts";
import { combinesHistory } from "./model.ts";
import type { SCHEMA } from "./schema.ts";
import { splitKind } from "./split.ts";

type Asked = z.input<typeof SCHEMA>;
type Refuse = (wrong: boolean, why: string) => void;

const CONTENT = "items.text, items.categories, items.inputs or items.embeddings";
const NAMED = "to name a column, got none";
/** A rate that is so many times the usual one was meant for another optimizer. */
const ANOTHER_RATE = 10;

/**
 * What no single key can know: settings that contradict each other, or that others make meaningless.
 * @param asked what was written, without defaults
 * @throws UserError for the first of them
 */
export function checkConfig(config: WithKind, asked: Asked, where: string): void {
  const { data, items, model, index, events, split, training } = config;
  const refuse: Refuse = (wrong, why) => {
    if (wrong) throw new UserError(`${where}: ${why}`);
  };
  const { columns } = split;
  const by = splitKind(config, refuse);
  refuse(
    items.fields.includes("title") && (items.title ?? "title") !== "title",
    `items.fields: "title" is what results call the column of items.title ("${items.title}"); ` +
      "rename the other one in data.items (title AS another_name)",
  );
  checkEmbeddings(config, refuse);
  checkVectorsOnly(config, asked, refuse);
  checkIdRows(config, refuse);
  checkOrder(config, asked, refuse);
  checkRates(config, asked, refuse);
  refuse(
    training.start === "spectral" && events.user === undefined,
    `training.start "spectral" expected events.user ${NAMED}`,
  );
  refuse(by === "time" && events.time === undefined, `split.by "time" expected events.time ${NAMED}`);
  refuse((events.halfLife ?? 0) > 0 && events.time === undefined, `events.halfLife expected events.time ${NAMED}`);
  refuse(
    (by === "last" || by === "user") && events.user === undefined,
    `split.by "${by}" expected events.user ${NAMED}`,
  );
  refuse(columns !== undefined && by !== "hash", `split.columns is for a split by hash, got split.by "${by}"`);
  refuse(
    split.share !== undefined && by !== "time" && by !== "user",
    `split.share is for a split by time or by user, got split.by "${by}"`,
  );
  refuse(
    training.objective !== "softmax" && events.user !== undefined,
    `training.objective expected "softmax" with events.user, whose histories train on no other, got ` +
      `"${training.objective}"`,
  );
  refuse(
    training.learnScale && events.user !== undefined,
    "training.learnScale expected false with events.user, got true",
  );
  refuse(
    asked.training?.margin !== undefined && training.objective !== "hinge",
    `training.margin is for training.objective "hinge", got "${training.objective}"`,
  );
  refuse(
    training.dislikes > 0 && events.weight === undefined,
    `training.dislikes above 0 expected events.weight ${NAMED}`,
  );
  refuse(
    training.dislikes > 0 && training.objective === "hinge",
    'training.dislikes above 0 expected training.objective "softmax" or "full", got "hinge"',
  );
  refuse(
    training.itemDropout > 0 && !hasContent(items),
    `training.itemDropout above 0 expected ${CONTENT} ${NAMED}: without them nothing is known of a new item`,
  );
  const needEvents = {
    "events.weight": events.weight !== undefined,
    "events.user": events.user !== undefined,
    "events.context": events.context.length > 0,
    "split.column": split.column !== undefined,
    'split.by "time"': by === "time",
    "training.ownSentences false": training.ownSentences === false,
  };
  for (const [key, isSaid] of Object.entries(needEvents))
    refuse(isSaid && data.events === undefined, `${key} expected data.events, got none`);
  refuse(
    training.ownSentences === true && events.query === undefined,
    `training.ownSentences true expected events.query ${NAMED}: without texts a query tower reads no sentence`,
  );
  refuse(
    training.earlyStopping > 0 && !isValidated(config, training.validations),
    `training.earlyStopping expected 0 where nothing is validated (training.validations ${training.validations}, ` +
      `split.validation ${split.validation}), got ${training.earlyStopping}`,
  );
  const { minGram, maxGram } = model;
  refuse(
    maxGram > 0 && minGram > maxGram,
    `model.minGram expected at most model.maxGram (${maxGram}), got ${minGram}; model.maxGram 0 turns n-grams off`,
  );
  const twice = events.context.find((name, i) => events.context.indexOf(name) < i);
  refuse(twice !== undefined, `events.context expected different columns, got "${twice}" twice`);
  for (const [one, other] of [
    ["query", "item"],
    ["user", "item"],
    ["query", "user"],
  ] as const) {
    refuse(
      events[one] !== undefined && events[one] === events[other],
      `events.${one} and events.${other} expected two columns, got "${events[one]}" for both`,
    );
  }
  const answers = Object.entries({ "events.context": events.context, "split.column": [split.column] });
  for (const [key, names] of answers)
    refuse(names.includes(events.item), `${key} expected another column than events.item, got "${events.item}"`);
  const { nlist, nprobe, bufferSize } = index;
  const { numSubQuantizers: M, nbits } = codesOf(index, 0, model.dim);
  // without a number given, vectors alone have theirs
  refuse(
    model.dim % M !== 0 && !(isVectorsOnly(config) && asked.model?.dim === undefined),
    `model.dim expected a multiple of index.numSubQuantizers (${M}), got ${model.dim}`,
  );
  refuse(
    nprobe !== undefined && nlist !== undefined && nprobe > Math.max(1, nlist),
    `index.nprobe expected at most index.nlist (${nlist}), got ${nprobe}`,
  );
  refuse(
    nlist === 0 && (index.routing ?? 0) > 0,
    `index.routing expected 0 without cells (index.nlist 0), got ${index.routing}`,
  );
  if (bufferSize === undefined) return;
  refuse(bufferSize < 2 ** nbits, `index.bufferSize expected at least ${2 ** nbits} (2^nbits), got ${bufferSize}`);
  refuse(
    nlist !== undefined && nlist > bufferSize,
    `index.nlist expected at most index.bufferSize (${bufferSize}), got ${nlist}`,
  );
}

/** Columns of vectors: each is for nothing else, and those of queries have texts to be the vectors of. */
function checkEmbeddings(config: WithKind, refuse: Refuse): void {
  const { data, items, queries, events } = config;
  const { embeddings, id, title, ...lists } = items;
  const uses = { ...lists, id: [id], title: title === undefined ? [] : [title] };
  for (const [key, names] of Object.entries({ items: embeddings, queries: queries.embeddings })) {
    const twice = names.find((name, i) => names.indexOf(name) < i);
    refuse(twice !== undefined, `${key}.embeddings expected different columns, got "${twice}" twice`);
  }
  for (const [key, names] of Object.entries(uses)) {
    const shared = embeddings.find((name) => Array.isArray(names) && names.includes(name));
    refuse(
      shared !== undefined,
      `items.embeddings and items.${key} expected different columns, got "${shared}" in both`,
    );
  }
  const names = queries.embeddings;
  refuse(names.includes("query"), 'queries.embeddings expected columns of vectors, got "query", that of the texts');
  refuse(names.length > 0 && data.queries === undefined, "queries.embeddings expected data.queries, got none");
  refuse(names.length === 0 && data.queries !== undefined, `data.queries expected queries.embeddings ${NAMED}`);
  // of vectors alone, those of the items say where a question's belong
  const isNamed = names.length > 0 || isVectorsOnly(config);
  refuse(!isNamed && queries.encoder !== undefined, `queries.encoder expected queries.embeddings ${NAMED}`);
  refuse(names.length > 0 && events.query === undefined, `queries.embeddings expected events.query ${NAMED}`);
}

/** What is read where there are vectors alone; all else is for events. */
const OF_VECTORS: Readonly<Partial<Record<keyof Asked, readonly string[]>>> = {
  events: [],
  split: ["testModulus"],
  model: ["dim"],
  index: ["nlist", "numSubQuantizers", "nbits", "metric", "nprobe", "scoreAware", "bufferSize"],
  training: ["seed", "ownSentences"],
};

/** Of vectors alone one column is learned, and nothing beside it. */
function checkVectorsOnly(config: WithKind, asked: Asked, refuse: Refuse): void {
  const { items, queries, index } = config;
  if (!isVectorsOnly(config)) {
    refuse(
      index.metric !== undefined,
      "index.metric is for vectors alone (items.embeddings without data.events and items.text)",
    );
    return;
  }
  refuse(
    asked.training?.sampleItems !== undefined,
    "training.sampleItems expected data.events or items.text: vectors alone are learned from index.bufferSize of them",
  );
  refuse(items.idRows !== undefined, "items.idRows expected data.events or items.text, got vectors alone");
  const { length } = items.embeddings;
  refuse(length > 1, `items.embeddings expected one column without data.events and items.text, got ${length}`);
  for (const key of ["categories", "inputs"] as const) {
    const [name] = items[key];
    refuse(name !== undefined, `items.${key} expected data.events to learn from, got none for "${name}"`);
  }
  refuse(items.textFromEvents, "items.textFromEvents true expected data.events, got none");
  for (const [section, read] of Object.entries(OF_VECTORS)) {
    const given = Object.entries(asked[section as keyof Asked] ?? {}).filter(([, value]) => value !== undefined);
    const unread = given.find(([key]) => !read.includes(key))?.[0];
    refuse(unread !== undefined, `${section}.${unread} expected data.events or items.text, got vectors alone`);
  }
  const own = queries.embeddings.length;
  refuse(own > 1, `queries.embeddings expected one column, as items.embeddings, got ${own}`);
}

/** Without a row of its own an item is known by its content, and so there has to be some. */
function checkIdRows({ items, training }: WithKind, refuse: Refuse): void {
  const rows = idRowsOf(items);
  const shown = typeof rows === "number" ? `{ hashed: ${rows} }` : `"${rows}"`;
  refuse(
    rows === "none" && !hasContent(items),
    `items.idRows "none" expected ${CONTENT} ${NAMED}: without them nothing is known of an item`,
  );
  refuse(
    training.sampleItems !== undefined && !hasContent(items),
    `training.sampleItems expected ${CONTENT} ${NAMED}: without them nothing is known of items outside of the sample`,
  );
  refuse(
    rows !== "all" && training.start === "spectral",
    `training.start "spectral" expected items.idRows "all", whose rows it is for, got ${shown}`,
  );
}

/** What `model.history.order` needs, and what it makes meaningless. */
function checkOrder({ events, model }: WithKind, asked: Asked, refuse: Refuse): void {
  const { order, as, tilt } = model.history;
  refuse(order && events.user === undefined, `model.history.order true expected events.user ${NAMED}`);
  refuse(
    order && combinesHistory(events),
    "model.history.order expected false where queries have a text or a context too, got true",
  );
  refuse(order && as !== "mixture", `model.history.order expected false for model.history.as "${as}", got true`);
  refuse(order && events.time === undefined, `model.history.order true expected events.time ${NAMED}`);
  refuse(order && tilt > 0, `model.history.tilt expected 0 with model.history.order, got ${tilt}`);
  const history = asked.model?.history;
  const unread = order
    ? {
        "model.history.sources": history?.sources,
        "model.history.targets": history?.targets,
        "training.logQ": asked.training?.logQ,
      }
    : {
        "training.historyDropout": asked.training?.historyDropout,
      };
  for (const [key, value] of Object.entries(unread))
    refuse(value !== undefined, `${key} is for model.history.order ${!order}, got ${order}`);
  refuse(
    asked.training?.sourceDropout !== undefined && kindOf({ events }, model.history) === "texts",
    "training.sourceDropout is for mixtures of histories alone",
  );
}

/** Rates that are far above what the optimizer takes that a kind of queries has by default. */
function checkRates(config: WithKind, asked: Asked, refuse: Refuse): void {
  if (asked.training?.optimizer !== undefined) return;
  const { history } = config.model;
  const kind = kindOf(config, history);
  // that of texts has always been the same, so a rate of theirs is meant for it
  if (kind === "texts") return;
  const { training } = usualSettings(config, history);
  for (const key of ["learningRate", "towerLearningRate"] as const) {
    const [rate, usual] = [config.training[key], training[key]];
    refuse(
      rate >= ANOTHER_RATE * usual,
      `training.${key} ${rate} expected training.optimizer beside it: for ${kind} that is ` +
        `"${training.optimizer}", which takes ${usual}`,
    );
  }
}
