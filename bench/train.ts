/**
 * Training speed and memory by the size of the catalogue, and the time from the last step to a complete index; each
 * row in a process of its own, so that its peak of memory is its own.
 *
 *     npm run bench:train -- [--json] [--items 10000,100000,1000000] [--steps 60] [--backend wasm]
 *         [--index 1000000] [--faiss PYTHON]
 *
 * Seconds of the processor stand beside the clock's: on a machine that others use too they say what a core of one's
 * own does.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    items: { type: "string", default: "10000,100000,1000000" },
    steps: { type: "string", default: "60" },
    backend: { type: "string", default: "wasm" },
    index: { type: "string", default: "1000000" },
    faiss: { type: "string" },
  },
});

interface Row {
  readonly backend: string;
  readonly items: number;
  readonly batch: number;
  readonly examplesPerSecond: number;
  readonly examplesPerCpuSecond: number;
  readonly medianStepMs: number;
  readonly peakMemoryBytes: number;
  /** Of the process before it has any data: Node, TensorFlow.js, its backend. Part of the peak. */
  readonly floorBytes: number;
  /** Parameters and optimizer state. */
  readonly stateBytes: number;
}

interface IndexRow {
  readonly items: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly phases: Readonly<Record<string, number>>;
  readonly peakMemoryBytes: number;
  /** The same of the processor alone. */
  readonly cpuPhases: Readonly<Record<string, number>>;
  /** With one thread, then with as many as Faiss takes by itself. */
  readonly faiss?: readonly FaissRow[];
}

interface FaissRow {
  readonly trainSeconds: number;
  readonly addSeconds: number;
  /** Of the processor, both together. */
  readonly cpuSeconds: number;
  readonly threads: number;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const here = (file: string): string => join(import.meta.dirname, "train", file);
const run = <T>(command: string, ...args: string[]): T =>
  JSON.parse(execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()) as T;
const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;

say(`${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} cores, Node ${process.versions.node}`);
const rows: Row[] = [];
for (const items of flags.items.split(",").filter(Boolean)) {
  const row = run<Row>(process.execPath, here("row.ts"), items, flags.steps, flags.backend);
  rows.push(row);
  say(
    `${row.backend}, ${row.items} items: ${row.examplesPerSecond} examples/s, ` +
      `${row.examplesPerCpuSecond} a second of the processor, ` +
      `median step ${row.medianStepMs.toFixed(1)} ms, peak ${mebibytes(row.peakMemoryBytes)} ` +
      `(${(row.peakMemoryBytes / row.stateBytes).toFixed(2)} × parameters and optimizer state), ` +
      `${mebibytes(row.floorBytes)} of it before any data`,
  );
}
const encode = Number(flags.index) > 0 ? indexRow(flags.index) : undefined;
if (flags.json) process.stdout.write(`${JSON.stringify({ rows, encode })}\n`);

function indexRow(items: string): IndexRow {
  const folder = mkdtempSync(join(tmpdir(), "poeem-bench-"));
  try {
    const vectors = join(folder, "vectors.f32");
    const ours = run<IndexRow>(process.execPath, here("index-row.ts"), items, ...(flags.faiss ? [vectors] : []));
    say(
      `index of ${ours.items} items: ${ours.seconds.toFixed(1)} s, ${ours.cpuSeconds.toFixed(1)} s of the processor; ` +
        Object.entries(ours.phases)
          .map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`)
          .join(", "),
    );
    if (!flags.faiss) return ours;
    const faiss = [["1"], []].map((threads) =>
      run<FaissRow>(flags.faiss!, here("faiss-index.py"), vectors, "64", ...threads),
    );
    for (const row of faiss)
      say(
        `Faiss IVF1024,PQ32x4 over the same vectors, ${row.threads} threads: train ${row.trainSeconds.toFixed(1)} s, ` +
          `add ${row.addSeconds.toFixed(1)} s, ${row.cpuSeconds.toFixed(1)} s of the processor`,
      );
    return { ...ours, faiss };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
