/**
 * Recommendation from reading histories, at several sizes and seeds: dense and through the index.
 *
 *     npm run bench:goodbooks -- --data DIR [--bytes 16] [--seed 1] [--all] [--json]   one training, one evaluation
 *     npm run bench:goodbooks -- --summary [--json]                                    means over the runs so far
 *
 * A run appends its rows to bench/goodbooks-results.jsonl.
 */
import { execFile } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const here = fileURLToPath(new URL(".", import.meta.url));
const results = join(here, "goodbooks-results.jsonl");
const config = join(here, "goodbooks/poeem.config.ts");
const poeem = join(here, "../apps/trainer/bin/poeem.js");

const MEASURES = ["recallAt10", "recallAt20", "recallAt50", "recallAt100", "ndcgAt10", "ndcgAt100"] as const;
type Measures = Record<(typeof MEASURES)[number], number>;

interface Row extends Measures {
  readonly name: string;
  readonly bytesPerItem: number;
  readonly nprobe: number | null;
  readonly scanned: number;
}

interface Run {
  readonly date: string;
  readonly bytes: number;
  readonly seed: number;
  readonly queries: number;
  readonly trainSeconds: number;
  readonly rows: readonly Row[];
}

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    bytes: { type: "string", default: "16" },
    seed: { type: "string", default: "1" },
    all: { type: "boolean", default: false },
    summary: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

if (options.summary) print(await readRuns());
else if (options.data === undefined) throw new Error("--data expected the folder of interactions.csv and items.csv");
else print([await run(options.data, Number(options.bytes), Number(options.seed), options.all)]);

async function run(data: string, bytes: number, seed: number, all: boolean): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-goodbooks-"));
  try {
    const common = ["--config", config, "--data", data];
    const trained = await poeemJson(bytes, [
      "train",
      ...common,
      "--out",
      join(folder, "index"),
      "--seed",
      String(seed),
    ]);
    const evaluated = await poeemJson(bytes, [
      ...["evaluate", ...common, "--index", join(folder, "index")],
      ...["--nprobe", "16", "--nprobe", "64"],
      ...(all ? ["--all"] : []),
    ]);
    const rows = (evaluated["rows"] as Row[]).map((row) => ({
      ...(Object.fromEntries(MEASURES.map((measure) => [measure, row[measure]])) as Measures),
      name: row.name,
      bytesPerItem: row.bytesPerItem,
      nprobe: row.nprobe,
      scanned: row.scanned,
    }));
    const done: Run = {
      date: new Date().toISOString().slice(0, 10),
      bytes,
      seed,
      queries: evaluated["queries"] as number,
      trainSeconds: trained["seconds"] as number,
      rows,
    };
    await appendFile(results, `${JSON.stringify(done)}\n`);
    return done;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function poeemJson(bytes: number, args: string[]): Promise<Record<string, unknown>> {
  const child = promisify(execFile)(process.execPath, ["--no-warnings", poeem, ...args, "--json"], {
    env: { ...process.env, BYTES: String(bytes) },
    maxBuffer: 1 << 26,
  });
  child.child.stderr?.pipe(process.stderr);
  return JSON.parse((await child).stdout);
}

async function readRuns(): Promise<Run[]> {
  const text = await readFile(results, "utf8").catch(() => "");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Run);
}

function print(runs: readonly Run[]): void {
  const groups = new Map<string, { bytes: number; row: Row; all: Row[] }>();
  for (const { bytes, rows } of runs) {
    for (const row of rows) {
      const key = `${bytes}\t${row.name}\t${row.nprobe}`;
      const group = groups.get(key) ?? { bytes, row, all: [] };
      group.all.push(row);
      groups.set(key, group);
    }
  }
  const summary = [...groups.values()].map(({ bytes, row: { name, nprobe }, all }) => ({
    bytes,
    name,
    nprobe,
    seeds: all.length,
    scanned: mean(all.map((row) => row.scanned)),
    measures: Object.fromEntries(
      MEASURES.map((measure) => {
        const values = all.map((row) => row[measure]);
        return [measure, { mean: mean(values), sd: deviation(values) }];
      }),
    ) as Record<(typeof MEASURES)[number], { mean: number; sd: number }>,
  }));
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ rows: summary, runs })}\n`);
    return;
  }
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |\n`;
  process.stdout.write(line(["bytes", "ranking", "nprobe", "scanned", "seeds", ...MEASURES]));
  process.stdout.write(line(Array.from({ length: 5 + MEASURES.length }, () => "---")));
  for (const { bytes, name, nprobe, seeds, scanned, measures } of summary) {
    const share = `${(100 * scanned).toFixed(0)} %`;
    const figures = MEASURES.map((measure) => {
      const { mean: value, sd } = measures[measure];
      return seeds > 1 ? `${value.toFixed(4)} ± ${sd.toFixed(4)}` : value.toFixed(4);
    });
    process.stdout.write(line([String(bytes), name, String(nprobe ?? "–"), share, String(seeds), ...figures]));
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation; 0 of one value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
