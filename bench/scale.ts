/**
 * Past one machine: a catalogue of many items, encoded in parts by several executors, put together by `poeem assemble`,
 * and searched. What it takes in time, memory and disk, and what a search reads.
 *
 *     npm run bench:scale -- [--items 1000000] [--engine processes] [--executors 4] [--partitions P] [--kill]
 *         [--repeat 1] [--seed 1] [--dims 32] [--cells 4096] [--queries 100] [--bare] [--memory-limit 1GB]
 *         [--no-workerd] [--python PYTHON] [--keep DIR] [--json]
 *
 * `--engine spark` and `--engine ray` run the recipes of examples/scale with `--python`, a Python that has what
 * examples/scale/requirements.txt lists. Several engines stand between commas: their shards and indexes must be the
 * same bytes. With `--kill` an executor of each engine gets a SIGKILL in the middle, after a run by processes that is
 * left alone; and assemblies have bad days of their own. With `--repeat 10` a tenth of the items is encoded, and the
 * shards are written ten times over as those of other items: to assemble and search more than there is time to encode.
 * What is there in the folder of `--keep` is not made again, shards included, but with `--kill`. Items are made up, and
 * follow from the seed; `--bare` leaves them an id and a vector. The Worker must be built: `npm run build -w
 * @poeem/edge`. Linux alone.
 */
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startProgress } from "../apps/trainer/src/progress.ts";
import { assemble, type Check, checkAssemblies } from "./scale/assemble.ts";
import { Catalogue } from "./scale/catalogue.ts";
import { digestOf } from "./scale/digest.ts";
import { countShards, ENGINES, type Engine, encode } from "./scale/engines.ts";
import { type PartsToMake, partFile } from "./scale/make-parts.ts";
import { diskBytes, run } from "./scale/processes.ts";
import { repeatShards } from "./scale/repeat-shards.ts";
import type { EngineRow, ScaleResult } from "./scale/result.ts";
import { searchInNode } from "./scale/search.ts";
import { tables } from "./scale/tables.ts";
import { trainOnSample } from "./scale/train.ts";
import { MOST_MB, searchInWorkerd } from "./scale/workerd.ts";

const { values: flags } = parseArgs({
  options: {
    items: { type: "string", default: "1000000" },
    engine: { type: "string", default: "processes" },
    executors: { type: "string", default: "4" },
    partitions: { type: "string" },
    kill: { type: "boolean", default: false },
    repeat: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    dims: { type: "string", default: "32" },
    cells: { type: "string", default: "4096" },
    sample: { type: "string", default: "131072" },
    queries: { type: "string", default: "100" },
    bare: { type: "boolean", default: false },
    "memory-limit": { type: "string", default: "1GB" },
    "no-workerd": { type: "boolean", default: false },
    python: { type: "string" },
    keep: { type: "string" },
    json: { type: "boolean", default: false },
  },
});

/** Items of a partition, unless it is said how many there are to be. */
const PART_ITEMS = 250_000;
const TRAINING_QUERIES = 2000;

const repeat = Number(flags.repeat);
/** Items that are encoded. */
const items = Math.ceil(Number(flags.items) / repeat);
const partitions = Number(flags.partitions ?? Math.max(8, Math.ceil(items / PART_ITEMS)));
const shape = { seed: Number(flags.seed), dims: Number(flags.dims), items, partitions };
const executors = Number(flags.executors);
const cells = Number(flags.cells);
const { bare, python, kill } = flags;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const engines = flags.engine.split(",").map((name): Engine => {
  if (!ENGINES.includes(name as Engine)) throw new Error(`--engine expected ${ENGINES.join(", ")}, got ${name}`);
  return name as Engine;
});

/** Of all shards, and of the index that they made. */
interface Digests {
  readonly shards: string;
  readonly index: string;
}

/** As many processes as processors, each with every so many partitions. */
async function makeParts(folder: string): Promise<number> {
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  const progress = startProgress("make items", items, "items");
  const countMade = () => Array.from({ length: partitions }, (_, i) => i).filter((i) => existsSync(fileOf(i))).length;
  const fileOf = (i: number) => join(folder, partFile(i));
  const timer = setInterval(() => progress.update(Math.floor((countMade() * items) / partitions)), 1000);
  try {
    const of = availableParallelism();
    const script = join(import.meta.dirname, "scale/make-parts.ts");
    const maker = (share: number) =>
      run([process.execPath, script, JSON.stringify({ ...shape, folder, bare, share, of } satisfies PartsToMake)]);
    await Promise.all(Array.from({ length: of }, (_, share) => maker(share)));
  } finally {
    clearInterval(timer);
    progress.stop();
  }
  return (performance.now() - started) / 1000;
}

async function measure(folder: string): Promise<ScaleResult> {
  const catalogue = new Catalogue(shape);
  const sample = { cells, items: Number(flags.sample), queries: TRAINING_QUERIES, bare };
  const trained = join(
    folder,
    ["trained", shape.seed, shape.dims, cells, sample.items, ...(bare ? ["bare"] : [])].join("-"),
  );
  say("training on a sample");
  const { index, seconds: trainSeconds } = await trainOnSample(trained, catalogue, sample);
  const size = join(folder, ["items", shape.seed, items, partitions, ...(bare ? ["bare"] : [])].join("-"));
  const parts = join(size, "parts");
  const makeSeconds = await makeParts(parts);
  // what an earlier run by processes that were left alone has made
  const kept = join(size, "digests.json");
  const isKept = kill && existsSync(kept);
  const runs: { readonly engine: Engine; readonly kill: boolean }[] = [
    ...(kill && !isKept ? [{ engine: "processes" as const, kill: false }] : []),
    ...engines.map((engine) => ({ engine, kill })),
  ];
  const rows: EngineRow[] = [];
  const checks: Check[] = [];
  let first = isKept ? (JSON.parse(await readFile(kept, "utf8")) as Digests) : undefined;
  const out = join(size, repeat === 1 ? "index" : `index-${repeat}`);
  for (const [number, { engine, kill }] of runs.entries()) {
    const shards = join(size, `shards-${number}`);
    const isThere = !kill && countShards(shards) === partitions;
    if (!isThere) await rm(shards, { recursive: true, force: true });
    const task = { engine, index, parts, partitions, items, out: shards, executors, kill, python, startProgress };
    const encoded = isThere ? undefined : await encode({ ...task, scratch: join(size, "scratch") });
    await rm(join(size, "scratch"), { recursive: true, force: true });
    const isFirst = number === 0 && !isKept;
    const all = repeat === 1 ? shards : join(size, `repeated-${number}`);
    if (repeat > 1) await repeatShards(shards, all, { times: repeat, items, dims: shape.dims });
    const assembly = {
      index,
      shards: all,
      out: isFirst ? out : `${out}-${number}`,
      memoryLimit: flags["memory-limit"],
    };
    say("assembling");
    const assembled = await assemble(assembly);
    const own: Digests = { shards: await digestOf(shards), index: await digestOf(assembly.out) };
    first ??= own;
    if (isFirst && engine === "processes" && !kill) await writeFile(kept, JSON.stringify(own));
    rows.push({
      ...(encoded ?? { engine, seconds: 0, itemsPerSecond: 0, peakTaskBytes: 0, taskCpuSeconds: 0, killed: undefined }),
      shardsEqual: own.shards === first.shards,
      indexEqual: own.index === first.index,
      assembled,
    });
    say(`${engine}: ${encoded?.seconds.toFixed(1) ?? 0} s, assembled in ${assembled.seconds.toFixed(1)} s`);
    if (kill && checks.length === 0) checks.push(...(await checkAssemblies(assembly, first.index)));
    if (repeat > 1) await rm(all, { recursive: true, force: true });
    if (flags.keep === undefined || kill) await rm(shards, { recursive: true, force: true });
    if (!isFirst) await rm(assembly.out, { recursive: true, force: true });
  }
  say("searching");
  const { asked, ...node } = await searchInNode(out, catalogue.queries(Number(flags.queries)), shape.dims, !bare);
  const { version } = rows[0]!.assembled;
  const workerd = flags["no-workerd"] ? undefined : await searchInWorkerd(out, version, asked, node.enough, !bare);
  return {
    ...{ items: items * repeat, repeat, partitions: partitions * repeat, executors, dims: shape.dims, cells, bare },
    ...{ processor: cpus()[0]?.model ?? "unknown", processors: availableParallelism() },
    ...{ trainSeconds, makeSeconds, partBytes: await diskBytes(parts), engines: rows, checks, node, workerd },
  };
}

const folder = flags.keep === undefined ? await mkdtemp(join(tmpdir(), "poeem-bench-scale-")) : resolve(flags.keep);
try {
  const result = await measure(folder);
  process.stdout.write(flags.json ? `${JSON.stringify(result)}\n` : tables(result));
  if (!result.engines.every(({ shardsEqual, indexEqual }) => shardsEqual && indexEqual)) {
    say("expected the same bytes of every run, got others");
    process.exitCode = 1;
  }
  if ((result.workerd?.mostMB ?? 0) > MOST_MB) {
    say(`expected an isolate of at most ${MOST_MB} MB, got ${result.workerd!.mostMB.toFixed(1)}`);
    process.exitCode = 1;
  }
} finally {
  if (flags.keep === undefined) await rm(folder, { recursive: true, force: true });
}
