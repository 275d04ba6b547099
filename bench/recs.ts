/**
 * Recommendation from histories: ours and its peers at equal bytes, in one run over one split, for the same users.
 *
 *     npm run bench:recs -- --data DIR --set beauty [--methods ease,ours] [--bytes 16] [--seeds 5] [--users N] [--json]
 *     npm run bench:recs -- --set beauty --summary [--data DIR] [--json]
 *
 * Every run appends its rows to bench/recs/results/SET.jsonl, and leaves out what is there already of the same
 * data, settings and code. `--help` has the sets and options.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { hasScipy } from "./recs/peers/python.ts";
import { Results } from "./recs/results.ts";
import { METHODS, measureSet } from "./recs/run.ts";
import { SETS, setNamed } from "./recs/sets.ts";
import { leftOut, markdown, summarise } from "./recs/summary.ts";
import { unknownNamed } from "./recs/unknown.ts";

const HELP = `npm run bench:recs -- --data DIR --set NAME [options]

  --data DIR         folder of the data set, or its file; files gzip or not
  --set NAME         what it is:
${Object.entries(SETS)
  .map(([name, { about }]) => `                     ${name}: ${about}`)
  .join("\n")}
  --methods A,B      of ${METHODS.join(", ")} (default: all)
  --bytes 8,16       code sizes of ours, and budgets of what is pruned (default: 8,16,32,64)
  --seeds N          seeds 1 to N (default: 5)
  --users N          at most so many test users, evenly spread (default: all)
  --validation N     at most so many validation users to choose settings by (default: 5000)
  --python PATH      Python with NumPy and SciPy (default: POEEM_PYTHON, or else python3 if it has them)
  --again            measures again what is in the results
  --summary          measures nothing, and prints what was measured so far: of --data, or else of those measured last
  --json             prints JSON instead of a table
`;

const { values: flags } = parseArgs({
  options: {
    data: { type: "string" },
    set: { type: "string" },
    methods: { type: "string", default: METHODS.join() },
    bytes: { type: "string", default: "8,16,32,64" },
    seeds: { type: "string", default: "5" },
    users: { type: "string" },
    validation: { type: "string", default: "5000" },
    python: { type: "string" },
    again: { type: "boolean", default: false },
    summary: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (flags.help) process.stdout.write(HELP);
else {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`bench:recs: ${process.env["DEBUG"] ? error.stack : error.message}\n`);
    process.exitCode = 1;
  }
}

async function main(): Promise<void> {
  if (flags.set === undefined) throw new Error(`--set expected ${Object.keys(SETS).join(", ")}, got none`);
  const kind = setNamed(flags.set);
  const methods = flags.methods.split(",");
  for (const method of methods) if (!METHODS.includes(method)) unknownNamed("--methods", method, METHODS);
  const whole = (name: string, text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value > 0) return value;
    throw new Error(`--${name} expected a whole number above 0, got ${text}`);
  };
  const bytes = flags.bytes.split(",").map((text) => whole("bytes", text));
  const seeds = Array.from({ length: whole("seeds", flags.seeds) }, (_, i) => i + 1);
  const users = flags.users === undefined ? Number.MAX_SAFE_INTEGER : whole("users", flags.users);
  const results = new Results(flags.set);
  let data = results.newestData;
  if (flags.data === undefined) {
    if (!flags.summary) throw new Error("--data expected the folder of the data set, got none");
  } else {
    const work = await mkdtemp(join(tmpdir(), "poeem-recs-"));
    try {
      data = await measureSet(kind, results, {
        ...{ data: resolve(flags.data), work, bytes, seeds, users, again: flags.again },
        methods: flags.summary ? [] : methods,
        validation: whole("validation", flags.validation),
        python: flags.summary ? undefined : await pythonFor(flags.python ?? process.env["POEEM_PYTHON"]),
        say: (line) => process.stderr.write(`${line}\n`),
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const rows = results.newest(data);
  const older = results.older(rows);
  const summary = summarise(rows);
  process.stdout.write(
    flags.json
      ? `${JSON.stringify({ set: flags.set, data, rows: summary, runs: rows, older })}\n`
      : markdown(summary) + leftOut(older, data),
  );
}

/** The Python that was named, which has to do; else the usual one if it does. */
async function pythonFor(named: string | undefined): Promise<string | undefined> {
  if (await hasScipy(named ?? "python3")) return named ?? "python3";
  if (named !== undefined) throw new Error(`--python expected a Python with NumPy and SciPy, got ${named}`);
  return undefined;
}
