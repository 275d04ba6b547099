import { Random } from "@poeem/indexing-layer";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { RawData } from "../src/data/types.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { itemTable } from "./item-table.ts";

/** In the order of their names, as a dictionary is. */
const NUMBERS = ["eight", "five", "four", "nine", "one", "seven", "six", "ten", "three", "two"];

/**
 * Readers of `numItems` books in `numKinds` kinds: each reads two kinds, so that a book says which others come with it,
 * and a history says two things at once. The first of them reads `ofFirst`, unless that is 0. With `asks` each asks for
 * the shelf of a book, which is the same for one book of every kind.
 */
export function readers(
  overrides: Partial<PoeemConfigInput> = {},
  {
    numItems = 60,
    numKinds = 6,
    numUsers = 300,
    perUser = 10,
    ofFirst = 0,
    timed = false,
    devices = false,
    asks = false,
  } = {},
) {
  const random = new Random(11);
  const perKind = numItems / numKinds;
  const histories = Array.from({ length: numUsers }, (_, user) => {
    const kinds = [random.integer(numKinds), random.integer(numKinds)];
    const read = new Set<number>();
    while (read.size < ((user === 0 && ofFirst) || perUser))
      read.add(kinds[random.integer(2)]! * perKind + random.integer(perKind));
    return [...read];
  });
  return dataOf(histories, numItems, overrides, { timed, devices, shelves: asks ? perKind : 0 });
}

/**
 * Users who walk on along a ring of items, two steps at a time, and now and then jump elsewhere: only the newest item
 * of a history says what follows, and only in one direction. They go back to where they were before in a share
 * `returns` of their steps.
 */
export function walkers(
  overrides: Partial<PoeemConfigInput> = {},
  { numItems = 40, numUsers = 300, length = 8, returns = 0 } = {},
) {
  const random = new Random(12);
  const histories = Array.from({ length: numUsers }, () => {
    const walked = [random.integer(numItems)];
    while (walked.length < length) {
      if (returns > 0 && random.uniform() < returns) {
        walked.push(walked[random.integer(walked.length)]!);
        continue;
      }
      const on = (walked.at(-1)! + 2) % numItems;
      const next = random.uniform() < 0.8 && !walked.includes(on) ? on : random.integer(numItems);
      if (!walked.includes(next)) walked.push(next);
    }
    return walked;
  });
  return dataOf(histories, numItems, { split: { by: "last" }, ...overrides }, { timed: true });
}

/**
 * @param histories the items of each user, in order
 * @param shelves how many there are to ask for, item after item; 0: nothing is asked
 */
function dataOf(
  histories: readonly number[][],
  numItems: number,
  overrides: Partial<PoeemConfigInput>,
  {
    timed = false,
    devices = false,
    shelves = 0,
  }: { readonly timed?: boolean; readonly devices?: boolean; readonly shelves?: number },
) {
  const numUsers = histories.length;
  const users = histories.flatMap((items, user) => items.map(() => user));
  const items = histories.flat();
  const count = users.length;
  const resolved = resolveConfig(
    {
      name: "readers",
      data: { items: "-", events: "-" },
      items: {},
      events: {
        user: "user",
        item: "item",
        ...(timed && { time: "time" }),
        ...(devices && { context: ["device"] }),
        ...(shelves > 0 && { query: "shelf" }),
      },
      split: { testModulus: 5, validation: 0 },
      model: { dim: 16, hiddenDim: 0, itemNorm: "free", ...(devices && { history: { as: "mean" } }) },
      index: { nlist: 4, numSubQuantizers: 8, bufferSize: 512 },
      training: {
        ...{ batchSize: 64, epochs: 2, optimizer: "adam", learningRate: 0.02, scale: 12, negatives: 16 },
        ...(!timed && { logQ: 1 }),
      },
      ...overrides,
    },
    "test",
  );
  const userColumn = {
    values: Array.from({ length: numUsers }, (_, i) => `reader-${i}`),
    numbers: Uint32Array.from(users),
  };
  const asked = {
    values: Array.from({ length: shelves }, (_, i) => `shelf ${NUMBERS[i]}`),
    numbers: Uint32Array.from(items, (item) => item % shelves),
  };
  const raw: RawData = {
    ids: Array.from({ length: numItems }, (_, i) => `book-${i}`),
    items: itemTable(numItems, { title: Array.from({ length: numItems }, (_, i) => `book ${i}`) }),
    events: {
      count,
      query: shelves > 0 ? asked : undefined,
      user: userColumn,
      item: Uint32Array.from(items),
      ordered: timed,
      time: timed ? Float64Array.from({ length: count }, (_, i) => i) : undefined,
      part: undefined,
      contexts: devices
        ? [{ name: "device", values: ["phone", "desk"], numbers: Uint32Array.from(users, (_, i) => i % 2) }]
        : [],
      columns: new Map([["user", userColumn]]),
    },
    report: { items: numItems, events: count, unknownItems: { count: 0, examples: [] } },
    hash: "",
  };
  const dataset = buildDataset(raw, resolved);
  return { config: fitConfig(resolved, dataset), raw, dataset };
}
