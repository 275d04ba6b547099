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
  const users: number[] = [];
  const items: number[] = [];
  const perKind = numItems / numKinds;
  for (let user = 0; user < numUsers; user++) {
    const kinds = [random.integer(numKinds), random.integer(numKinds)];
    const read = new Set<number>();
    while (read.size < ((user === 0 && ofFirst) || perUser))
      read.add(kinds[random.integer(2)]! * perKind + random.integer(perKind));
    for (const item of read) {
      users.push(user);
      items.push(item);
    }
  }
  const count = users.length;
  const asked = resolveConfig(
    {
      name: "readers",
      data: { items: "-", events: "-" },
      items: {},
      events: {
        user: "user",
        item: "item",
        ...(timed && { time: "time" }),
        ...(devices && { context: ["device"] }),
        ...(asks && { query: "shelf" }),
      },
      split: { testModulus: 5, validation: 0 },
      model: { dim: 16, hiddenDim: 0, itemNorm: "free", ...(devices && { history: { as: "mean" } }) },
      index: { nlist: 4, numSubQuantizers: 8, bufferSize: 512 },
      training: { batchSize: 64, epochs: 2, optimizer: "adam", learningRate: 0.02, scale: 12, negatives: 16, logQ: 1 },
      ...overrides,
    },
    "test",
  );
  const userColumn = {
    values: Array.from({ length: numUsers }, (_, i) => `reader-${i}`),
    numbers: Uint32Array.from(users),
  };
  const shelves = {
    values: Array.from({ length: perKind }, (_, i) => `shelf ${NUMBERS[i]}`),
    numbers: new Uint32Array(0),
  };
  const raw: RawData = {
    ids: Array.from({ length: numItems }, (_, i) => `book-${i}`),
    items: itemTable(numItems, { title: Array.from({ length: numItems }, (_, i) => `book ${i}`) }),
    events: {
      count,
      query: asks ? { ...shelves, numbers: Uint32Array.from(items, (item) => item % perKind) } : undefined,
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
  const dataset = buildDataset(raw, asked);
  return { config: fitConfig(asked, dataset), raw, dataset };
}
