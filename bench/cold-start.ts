/**
 * How well items are found that the training did not have. A tenth of the catalogue is removed from an index and added
 * again under other ids by `poeem encode`, so that of these nothing is known but their columns; with `--strict` an
 * index is also trained without them and their events. Recall@10 of these items alone, and of the others, by held-out
 * queries, through codes, words, and both, at the default nprobe. Ids have to be texts.
 *
 *     npm run bench:cold-start -- [--config FILE] [--data DIR] [--index DIR] [--seed 1] [--dropout SHARE]
 *       [--queries 4000] [--validation] [--strict]
 *
 * `--index` is one that was trained with all items; without it one is trained first. `--seed` is that of the training
 * and of which items are taken. `--validation` is for choosing settings.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openWords } from "@poeem/pq-core/words";
import { openQueryTower } from "@poeem/towers";
import { loadConfig } from "@poeem/training/config";
import { listOf, toCsr } from "@poeem/training/data/csr";
import { buildDataset } from "@poeem/training/data/dataset";
import { Database, literal, quoted } from "@poeem/training/data/duckdb";
import { loadData } from "@poeem/training/data/load";
import { rankWithAnswers } from "@poeem/training/rank/answer-rank";
import { leftOut } from "@poeem/training/rank/left-out";
import { rankingMetrics } from "@poeem/training/rank/metrics";
import { questionOf } from "@poeem/training/rank/query-encoder";
import { sampleQueries } from "@poeem/training/rank/sample-queries";
import { trainIndex } from "@poeem/training/train-index";

const { values: flags } = parseArgs({
  options: {
    config: { type: "string", default: "examples/symbols/poeem.config.ts" },
    data: { type: "string" },
    index: { type: "string" },
    seed: { type: "string", default: "1" },
    dropout: { type: "string" },
    queries: { type: "string", default: "4000" },
    validation: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});
const ONE_IN = 10;
const { config, directory } = await loadConfig(flags.config);
const input = (await import(pathToFileURL(resolve(flags.config)).href)).default;
const data = flags.data ?? directory;
const dataset = buildDataset(await loadData(config, directory, { data }), config);
const queries = sampleQueries(flags.validation ? dataset.validation : dataset.test, Number(flags.queries));
const folder = mkdtempSync(join(tmpdir(), "poeem-cold-"));
const column = quoted(config.items.id);
const isTaken = `md5_number_lower(${literal(`${flags.seed} `)} || ${column}) % ${ONE_IN} = 0`;

/** Writes the items that are taken out as a file for `poeem encode`. @returns their ids in the index */
async function take(file: string, prefix: string): Promise<string[]> {
  const database = await Database.open([data], config.data.memoryLimit);
  try {
    const rows = `SELECT * FROM (${config.data.items}) WHERE ${isTaken}`;
    const renamed = `SELECT * REPLACE (${literal(prefix)} || ${column} AS ${column}) FROM (${rows})`;
    await database.run(`COPY (${renamed}) TO ${literal(file)} (FORMAT json)`);
    return (await database.rows(`SELECT ${column} AS id FROM (${rows})`)).map((row) => String(row["id"]));
  } finally {
    database.close();
  }
}

async function train(name: string, items: string): Promise<string> {
  const dropout = flags.dropout === undefined ? {} : { itemDropout: Number(flags.dropout) };
  const training = { ...input.training, ...dropout, seed: Number(flags.seed), validations: 0 };
  const file = join(folder, `${name}.config.mjs`);
  writeFileSync(file, `export default ${JSON.stringify({ ...input, data: { ...input.data, items }, training })};\n`);
  const out = join(folder, name);
  await trainIndex({ config: file, data, out, backend: "auto", checkpointEvery: 3600 });
  return out;
}

/** Adds the items of a file, and removes others. @returns the folder of changes */
function encode(index: string, file: string, removed: readonly string[]): string {
  const changes = join(folder, `changes ${removed.length}`);
  const list = join(folder, "removed.txt");
  writeFileSync(list, removed.join("\n"));
  const command = resolve(import.meta.dirname, "../apps/trainer/bin/poeem.js");
  const remove = removed.length > 0 ? ["--remove", `@${list}`] : [];
  const added = ["encode", "--index", index, "--items", file, ...remove, "--out", changes];
  execFileSync(process.execPath, [command, ...added], { stdio: ["ignore", "ignore", "inherit"] });
  return changes;
}

/** Prints the recall@10 of both groups of items by each mode. @param prefix of the ids of those that are taken */
async function measure(name: string, taken: ReadonlySet<string>, index: string, changes?: string, prefix = "") {
  const opened = await openIndexDirectory(index, changes);
  const [tower, words] = [await opened.queryTower(), await openWords(opened)];
  const searched = { index: opened, tower: tower && openQueryTower(tower), words };
  const isTakenItem = Array.from(dataset.ids, (id) => taken.has(id));
  const ids = Array.from(dataset.ids, (id) => (taken.has(id) ? `${prefix}${id}` : id));
  const questions = Array.from({ length: queries.count }, (_, query) => {
    const { history, ...others } = questionOf(queries, dataset, query);
    return { ...others, ...(history && { history: history.map((item) => ids[item]!) }) };
  });
  for (const mode of words ? (["dense", "words", "hybrid"] as const) : (["dense"] as const)) {
    const nprobe = opened.manifest.defaultNprobe;
    const { ranked } = await rankWithAnswers(searched, questions, {
      ...{ ids, k: 10, nprobe, seen: leftOut(queries), mode },
    });
    const figures = [true, false].map((group) => {
      const lists = questions.map((_, query) =>
        listOf(queries.relevant, query).filter((i) => isTakenItem[i] === group),
      );
      const selected = [...lists.keys()].filter((query) => lists[query]!.length > 0);
      const { recallAt10, margin95 } = rankingMetrics(ranked, toCsr(lists), { selected });
      return `${recallAt10.toFixed(4)} ± ${margin95.recallAt10.toFixed(3)} | ${selected.length}`;
    });
    console.log(`| ${name} | ${mode} | ${figures.join(" | ")} |`);
  }
}

try {
  const [again, late] = [join(folder, "again.jsonl"), join(folder, "late.jsonl")];
  const ids = await take(again, "new ");
  await take(late, "");
  const taken = new Set(ids);
  const full = flags.index ?? (await train("with", config.data.items!));
  console.log("| items | mode | those taken out | queries | the others | queries |");
  console.log("| --- | --- | ---: | ---: | ---: | ---: |");
  await measure("as trained", taken, full);
  await measure("added again as new ones", taken, full, encode(full, again, ids), "new ");
  if (flags.strict) {
    const without = await train("without", `SELECT * FROM (${config.data.items}) WHERE NOT (${isTaken})`);
    await measure("trained without, and added", taken, without, encode(without, late, []));
  }
} finally {
  rmSync(folder, { recursive: true });
}
