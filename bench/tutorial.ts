/**
 * The synthetic tutorial of the original Poeem release, run exactly (1,000,000 pairs, 3 epochs, batch 128, 64 dims,
 * 8 codes of 8 bits), for the dense model, quantizers built on it afterwards, the original method and ours.
 *
 *   npm run bench:tutorial -- [--seeds 5] [--first-seed 1] [--rows ours,poeem-64] [--queries reported|settings]
 *                             [--results bench/tutorial-results.jsonl] [--fresh] [--json]
 *
 * Finished models are kept, one line each, in the results file, so that a long run can be split and resumed.
 */
import { parseArgs } from "node:util";
import type { QueryHalf } from "./tutorial/evaluate.ts";
import { ResultsFile } from "./tutorial/results.ts";
import { models, variants } from "./tutorial/rows.ts";
import { runSeed } from "./tutorial/run.ts";
import { printTable, summarize } from "./tutorial/summary.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "5" },
    "first-seed": { type: "string", default: "1" },
    rows: { type: "string" },
    queries: { type: "string", default: "reported" },
    results: { type: "string", default: new URL("tutorial-results.jsonl", import.meta.url).pathname },
    fresh: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const numSeeds = positive("seeds", values.seeds);
const firstSeed = positive("first-seed", values["first-seed"]);
if (values.queries !== "reported" && values.queries !== "settings") {
  throw new Error(`[bench:tutorial] "queries" expected reported or settings, got ${values.queries}`);
}
const half: QueryHalf = values.queries;
const names = values.rows?.split(",") ?? models.map((model) => model.name);
const known = [...models, ...variants];
for (const name of names) {
  if (!known.some((model) => model.name === name)) {
    throw new Error(
      `[bench:tutorial] "rows" expected some of ${known.map((model) => model.name).join(", ")}, got ${name}`,
    );
  }
}
const wanted = known.filter((model) => names.includes(model.name));
const results = new ResultsFile(values.results, values.fresh);
for (let seed = firstSeed; seed < firstSeed + numSeeds; seed++) {
  await runSeed(seed, wanted, half, results, (line) => process.stderr.write(`${line}\n`));
}
const rows = summarize(wanted, results, half, firstSeed, numSeeds);
if (values.json) process.stdout.write(`${JSON.stringify({ rows })}\n`);
else printTable(rows);

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`[bench:tutorial] "${name}" expected an integer >= 1, got ${text}`);
  return value;
}
