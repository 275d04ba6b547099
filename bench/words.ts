/**
 * Search by words beside codes: recall of words, codes, both and BM25F on held-out queries, with slips and unfinished
 * words, and in a made-up shop what a person would try: codes that nobody searched for yet, titles, ids, colours.
 *
 *     npm run bench:words -- [--set shop|tldr|symbols] [--data DIR] [--share 1,.1,.01,0] [--queries 100000]
 *         [--index DIR] [--seed 1] [--json]
 *
 * tldr needs the folder of its data (see bench/tldr). A share is that of the training queries that are kept; what is
 * asked stays the same. An index that is given is not trained again.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { EvaluationRow } from "@poeem/training/evaluate/row";
import { evaluateIndex } from "@poeem/training/evaluate-index";
import { trainIndex } from "@poeem/training/train-index";
import { type Check, checkShop, openFolder } from "./words/checks.ts";
import { type BenchSet, shopSet, symbolsSet, tldrSet, withShare } from "./words/sets.ts";

const { values: flags } = parseArgs({
  options: {
    set: { type: "string", default: "shop" },
    data: { type: "string" },
    share: { type: "string", default: "1" },
    queries: { type: "string", default: "100000" },
    index: { type: "string" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const seed = Number(flags.seed);

interface Measured {
  readonly share: number;
  readonly events: number;
  readonly queries: number;
  readonly rows: readonly EvaluationRow[];
  readonly checks: readonly Check[];
}

async function setOf(name: string, folder: string): Promise<BenchSet & Partial<Awaited<ReturnType<typeof shopSet>>>> {
  if (name === "shop") return shopSet(folder);
  if (name === "tldr") return tldrSet(flags.data);
  if (name === "symbols") return symbolsSet(flags.data);
  throw new Error(`[bench:words] --set expected shop, tldr or symbols, got ${name}`);
}

async function measure(folder: string, share: number): Promise<Measured> {
  const whole = await setOf(flags.set, join(folder, "set"));
  const { config, data } = await withShare(whole, share, seed, join(folder, "share"));
  const asked = { config, ...(data !== undefined && { data }), backend: "auto" } as const;
  const index = flags.index ?? join(folder, "index");
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  let events = Number.NaN;
  if (flags.index === undefined) {
    const trained = await trainIndex({ ...asked, out: index, checkpointEvery: 3600, seed, say });
    events = trained.data.trainingEvents;
  }
  const { rows, queries } = await evaluateIndex({ ...asked, index, queries: Number(flags.queries) });
  const checks = whole.shop ? await checkShop(await openFolder(index), whole.shop, seed) : [];
  return { share, events, queries, rows, checks };
}

/** Those that answer the same questions at the index's own nprobe, and codes and both at all cells. */
function print({ share, events, queries, rows, checks }: Measured): void {
  console.log(`\nshare ${share}, ${events} training events, ${queries} held-out queries\n`);
  console.log("| row | recall@10 | no titles | nDCG@10 | of clean |\n| --- | ---: | ---: | ---: | ---: |");
  const widest = new Map<string, EvaluationRow>();
  for (const row of rows) widest.set(row.name.startsWith("hybrid") ? row.name : `${row.kind} ${row.name}`, row);
  const told = rows.filter((row) => [...widest.values()].includes(row) || row.name.includes("default"));
  for (const row of told) {
    const { name, nprobe, recallAt10, recallAt10Unnamed, ndcgAt10, cleanRecallAt10 } = row;
    const of = cleanRecallAt10 ? `${((100 * recallAt10) / cleanRecallAt10).toFixed(1)} %` : "";
    const label = nprobe === null ? name : `${name}, nprobe ${nprobe}`;
    const unnamed = recallAt10Unnamed?.toFixed(4) ?? "";
    console.log(`| ${label} | ${recallAt10.toFixed(4)} | ${unnamed} | ${ndcgAt10.toFixed(4)} | ${of} |`);
  }
  if (checks.length === 0) return;
  console.log("\n| check | right | of |\n| --- | ---: | ---: |");
  for (const { name, right, of } of checks) console.log(`| ${name} | ${right} | ${of} |`);
}

const folder = await mkdtemp(join(tmpdir(), "poeem-words-"));
try {
  const all: Measured[] = [];
  for (const share of flags.share.split(",").map(Number)) {
    const measured = await measure(join(folder, String(share)), share);
    all.push(measured);
    if (!flags.json) print(measured);
  }
  if (flags.json) console.log(JSON.stringify({ set: flags.set, seed, measured: all }));
} finally {
  await rm(folder, { recursive: true });
}
