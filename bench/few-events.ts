/**
 * How long to train with few events, the question behind the defaults of `fit-config.ts`: made-up catalogues of an
 * adjective and a noun, trained with several batches and epochs. A fifth is held out, and the whole index is scanned.
 * By default each catalogue as it is fitted and once otherwise, with one seed; about two minutes.
 *
 *     npm run bench:few-events -- [--all] [--seeds 3]
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "@poeem/indexing-layer";
import { evaluateIndex } from "@poeem/training/evaluate-index";
import { trainIndex } from "@poeem/training/train-index";

const { values: flags } = parseArgs({
  options: { all: { type: "boolean", default: false }, seeds: { type: "string", default: "1" } },
});

interface Catalogue {
  readonly kind: "texts" | "histories";
  readonly adjectives: number;
  readonly nouns: number;
  readonly events: number;
  /** [batch, epochs]; the first is trained by default, beside what the trainer chooses itself. */
  readonly schedules: readonly (readonly [number, number])[];
}
const CATALOGUES: readonly Catalogue[] = [
  {
    ...{ kind: "texts", adjectives: 20, nouns: 15, events: 1500 },
    schedules: [
      [64, 2],
      [64, 5],
      [64, 20],
      [256, 20],
      [16, 5],
    ],
  },
  {
    ...{ kind: "texts", adjectives: 10, nouns: 12, events: 720 },
    schedules: [
      [32, 5],
      [32, 20],
    ],
  },
  {
    ...{ kind: "texts", adjectives: 8, nouns: 5, events: 60 },
    schedules: [
      [2, 10],
      [2, 2],
      [8, 20],
      [8, 60],
      [32, 100],
    ],
  },
  {
    ...{ kind: "histories", adjectives: 10, nouns: 12, events: 720 },
    schedules: [
      [32, 30],
      [32, 2],
      [128, 20],
    ],
  },
  {
    ...{ kind: "histories", adjectives: 20, nouns: 15, events: 1500 },
    schedules: [
      [64, 2],
      [64, 20],
    ],
  },
];
const EVENTS_PER_USER = 6;
/** Share of events that lead to what was asked for, or of a user's events that are of one noun. */
const FAITHFUL = 0.8;
const LETTERS = ["bdfgklmnprstvz", "aeiou"] as const;

function makeRows({ kind, adjectives, nouns, events }: Catalogue, seed: number) {
  const random = new Random(seed);
  const pick = <T>(list: ArrayLike<T>): T => list[random.integer(list.length)]!;
  const word = (): string => Array.from({ length: 6 }, (_, i) => pick(LETTERS[i % 2]!)).join("");
  const wordsOf = (count: number): string[] => Array.from({ length: count }, word);
  const [first, second, others] = [wordsOf(adjectives), wordsOf(nouns), wordsOf(8)];
  const items = first.flatMap((adjective, a) =>
    second.map((noun, n) => ({ id: `i${a * nouns + n}`, title: `${adjective} ${noun}` })),
  );
  const favourite = Array.from({ length: events }, () => random.integer(nouns));
  const rows = Array.from({ length: events }, (_, e) => {
    if (kind === "texts") {
      const { id: asked, title } = pick(items);
      const [adjective, noun] = title.split(" ");
      const query = random.integer(2) ? title : `${noun} ${adjective}`;
      // some take another thing of that noun
      const other = `i${random.integer(adjectives) * nouns + second.indexOf(noun!)}`;
      const id = random.uniform() < FAITHFUL ? asked : other;
      return { item: id, query: random.integer(2) ? query : `${query} ${pick(others)}` };
    }
    const user = Math.floor(e / EVENTS_PER_USER);
    const noun = random.uniform() < FAITHFUL ? favourite[user]! : random.integer(nouns);
    return { item: `i${random.integer(adjectives) * nouns + noun}`, user: `u${user}` };
  });
  return { items, events: rows };
}

const lines = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** What one training finds, with steps taken and how many queries were held out. */
async function measure(catalogue: Catalogue, schedule: readonly [number, number] | undefined, seed: number) {
  const folder = await mkdtemp(join(tmpdir(), "poeem-few-"));
  try {
    for (const [name, rows] of Object.entries(makeRows(catalogue, seed)))
      await writeFile(join(folder, `${name}.jsonl`), lines(rows));
    const config = join(folder, "poeem.config.mjs");
    const content = {
      name: "few-events",
      data: { items: "FROM 'items.jsonl'", events: "FROM 'events.jsonl'" },
      items: { text: ["title"] },
      events: catalogue.kind === "texts" ? {} : { user: "user" },
      split: { testModulus: 5 },
      model: { dim: 64, minFeatureCount: 1 },
      training: { seed, validations: 0, ...(schedule && { batchSize: schedule[0], epochs: schedule[1] }) },
    };
    await writeFile(config, `export default ${JSON.stringify(content)};\n`);
    const index = join(folder, "index");
    const { steps } = await trainIndex({ config, out: index, backend: "auto", checkpointEvery: 3600 });
    const { rows, queries } = await evaluateIndex({ config, index, queries: 1, all: true, backend: "auto" });
    const dense = rows.find(({ kind }) => kind === "dense")!;
    const whole = rows.findLast(({ kind }) => kind === "index")!;
    return { steps, queries, figures: [dense.recallAt10, whole.recallAt10, whole.ndcgAt10, dense.margin95.recallAt10] };
  } finally {
    await rm(folder, { recursive: true });
  }
}

console.log(
  "| items, events | batch × epochs | steps | held out | dense recall@10 | index recall@10 | index nDCG@10 |\n" +
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
);
const seeds = Array.from({ length: Number(flags.seeds) }, (_, i) => i + 1);
for (const catalogue of CATALOGUES) {
  const { kind, adjectives, nouns, events, schedules } = catalogue;
  for (const schedule of [undefined, ...schedules.slice(0, flags.all ? undefined : 1)]) {
    const found: Awaited<ReturnType<typeof measure>>[] = [];
    for (const seed of seeds) found.push(await measure(catalogue, schedule, seed));
    const mean = (of: (one: (typeof found)[number]) => number): number =>
      found.reduce((sum, one) => sum + of(one), 0) / found.length;
    const [dense, recall, ndcg, margin] = [0, 1, 2, 3].map((i) => mean(({ figures }) => figures[i]!).toFixed(3));
    console.log(
      `| ${adjectives * nouns}, ${events} ${kind} | ${schedule ? schedule.join(" × ") : "fitted"} | ` +
        `${Math.round(mean(({ steps }) => steps))} | ${Math.round(mean(({ queries }) => queries))} | ` +
        `${dense} ± ${margin} | ${recall} | ${ndcg} |`,
    );
  }
}
