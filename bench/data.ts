/**
 * Loading and splitting events: seconds and peak memory, each case in a process of its own, over a file of made-up
 * events (users and items drawn with a skew, times at random, rows in no order).
 *
 *     npm run bench:data -- [--json] [--events 20000000] [--users 1000000] [--items 100000] [--memory 1GB]
 *         [--format parquet|csv] [--baseline-events 2000000] [--keep DIR]
 *
 * The baseline is how events were read at first: DuckDB's whole result as an object a row, strings numbered by maps.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { DuckDBInstance } from "@duckdb/node-api";
import { resolveConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    events: { type: "string", default: "20000000" },
    users: { type: "string", default: "1000000" },
    items: { type: "string", default: "100000" },
    memory: { type: "string", default: "1GB" },
    format: { type: "string", default: "parquet" },
    "baseline-events": { type: "string", default: "2000000" },
    keep: { type: "string" },
    // of the processes that this one starts
    child: { type: "string" },
    folder: { type: "string" },
  },
});
type Reader = "trainer" | "row objects";

interface Row {
  readonly reader: Reader;
  readonly events: number;
  readonly fileBytes: number;
  readonly loadSeconds: number;
  /** Split, query sets and histories; null for the baseline, which only reads. */
  readonly buildSeconds: number | null;
  /** Of all threads, load and split together: what a busy machine tells best. */
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

const eventsFile = (folder: string): string => join(folder, `events.${flags.format}`);
const itemsFile = (folder: string): string => join(folder, `items.${flags.format}`);

async function generate(folder: string, events: number): Promise<void> {
  if (existsSync(eventsFile(folder))) return;
  mkdirSync(folder, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run("SET preserve_insertion_order = true");
  const skewed = (of: string, count: string, salt: number): string =>
    `(hash(${of} + ${salt}) % ${count}) * (hash(${of} * 3 + ${salt}) % 1000) // 1000`;
  await connection.run(
    `COPY (SELECT 'i' || range AS id, 'Item ' || range AS title FROM range(${flags.items})) TO '${itemsFile(folder)}'`,
  );
  await connection.run(
    `COPY (
       SELECT 'u' || ${skewed("range", flags.users, 1)} AS user, 'i' || ${skewed("range", flags.items, 2)} AS item,
              1600000000 + hash(range * 11) % 100000000 AS time
       FROM range(${events})
     ) TO '${eventsFile(folder)}'`,
  );
  connection.closeSync();
  instance.closeSync();
}

/** Runs in a process of its own: peak memory is the process's. */
async function measure(reader: Reader, folder: string): Promise<Omit<Row, "events" | "fileBytes">> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  let loaded = started;
  if (reader === "trainer") {
    const config = resolveConfig(
      {
        name: "bench",
        data: {
          items: `FROM '${itemsFile(folder)}'`,
          events: `FROM '${eventsFile(folder)}'`,
          memoryLimit: flags.memory,
        },
        items: {},
        events: { user: "user", time: "time" },
        split: { by: "last" },
      },
      "bench",
    );
    const raw = await loadData(config, folder);
    loaded = performance.now();
    buildDataset(raw, config);
  } else await readRowObjects(folder);
  const ended = performance.now();
  const cpu = process.cpuUsage(cpuBefore);
  return {
    reader,
    loadSeconds: ((reader === "trainer" ? loaded : ended) - started) / 1000,
    buildSeconds: reader === "trainer" ? (ended - loaded) / 1000 : null,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  };
}

async function readRowObjects(folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const rows = async (file: string): Promise<Record<string, unknown>[]> =>
    (await connection.runAndReadAll(`FROM '${file}'`)).getRowObjectsJson();
  const items = new Map((await rows(itemsFile(folder))).map((row, number) => [String(row["id"]), number]));
  const users: string[] = [];
  const targets: number[] = [];
  const times: number[] = [];
  for (const row of await rows(eventsFile(folder))) {
    users.push(String(row["user"]));
    targets.push(items.get(String(row["item"]))!);
    times.push(Number(row["time"]));
  }
  connection.closeSync();
  instance.closeSync();
  if (targets.includes(-1)) throw new Error("unreachable: keeps the arrays alive until here");
}

function inChild(reader: Reader, folder: string, events: number): Row {
  const args = [
    ...process.execArgv,
    import.meta.filename,
    ...process.argv.slice(2),
    "--child",
    reader,
    "--folder",
    folder,
  ];
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`[bench:data] "${reader}" over ${events} events ended with ${status}`);
  const measured = JSON.parse(stdout) as Omit<Row, "events" | "fileBytes">;
  return { ...measured, events, fileBytes: statSync(eventsFile(folder)).size };
}

async function main(): Promise<void> {
  const folder = flags.keep ?? mkdtempSync(join(tmpdir(), "poeem-bench-data-"));
  try {
    const cases: [Reader, number][] = [
      ["row objects", Number(flags["baseline-events"])],
      ["trainer", Number(flags["baseline-events"])],
      ["trainer", Number(flags.events)],
    ];
    const rows: Row[] = [];
    for (const [reader, events] of cases) {
      if (!(events > 0)) continue;
      const of = join(folder, String(events));
      await generate(of, events);
      rows.push(inChild(reader, of, events));
    }
    process.stdout.write(flags.json ? `${JSON.stringify({ memoryLimit: flags.memory, rows })}\n` : table(rows));
  } finally {
    if (flags.keep === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) =>
    [
      row.reader,
      row.events.toLocaleString("en"),
      `${(row.fileBytes / 1e6).toFixed(0)} MB`,
      `${row.loadSeconds.toFixed(1)} s`,
      row.buildSeconds === null ? "–" : `${row.buildSeconds.toFixed(1)} s`,
      `${row.cpuSeconds.toFixed(1)} s`,
      `${(row.peakMemoryBytes / 1e6).toFixed(0)} MB`,
    ].join(" | "),
  );
  const head = "| reader | events | file | load | split | CPU | peak memory |\n|---|--:|--:|--:|--:|--:|--:|\n";
  return head + lines.map((line) => `| ${line} |\n`).join("");
}

if (flags.child !== undefined) {
  process.stdout.write(`${JSON.stringify(await measure(flags.child as Reader, flags.folder!))}\n`);
} else await main();
