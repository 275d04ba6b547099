import { existsSync, readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { ProgressStarter } from "@poeem/offline/progress";
import { partFile } from "./make-parts.ts";
import { cpuSeconds, descendants, peakMemory, start } from "./processes.ts";

export const ENGINES = ["processes", "spark", "ray"] as const;
export type Engine = (typeof ENGINES)[number];

export interface EncodeTask {
  readonly engine: Engine;
  readonly index: string;
  /** Folder of the partitions, each of which becomes a shard. */
  readonly parts: string;
  readonly partitions: number;
  readonly items: number;
  readonly out: string;
  readonly executors: number;
  /** SIGKILL for one executor, once a quarter of the shards are there. */
  readonly kill: boolean;
  /** Of Spark and Ray. */
  readonly python: string | undefined;
  /** Folder for what Spark leaves behind. */
  readonly scratch: string;
  readonly startProgress: ProgressStarter;
}

export interface Encoded {
  readonly engine: Engine;
  readonly seconds: number;
  readonly itemsPerSecond: number;
  /** Of `poeem encode-shard`, the largest of all tasks, and of all processes of the engine at a time. */
  readonly peakTaskBytes: number;
  /** Of all commands `poeem encode-shard`: what the engine itself takes is not in it. */
  readonly taskCpuSeconds: number;
  readonly killed: string | undefined;
}

const POEEM = [process.execPath, join(import.meta.dirname, "../../apps/trainer/bin/poeem.js")];
const RECIPES = join(import.meta.dirname, "../../examples/scale");
const LOOK_MS = 250;
const MOST_TRIES = 4;
const KILL_AFTER = 0.25;
/** What an executor of each engine is called among the processes. */
const EXECUTORS: Readonly<Record<Engine, string>> = {
  processes: "encode-shard",
  spark: "CoarseGrainedExecutorBackend",
  ray: "ray::encode",
};

export const poeem = (...args: readonly string[]): string[] => [...POEEM, ...args];

/** Encodes all partitions. @throws Error where the engine gives up */
export async function encode(task: EncodeTask): Promise<Encoded> {
  await mkdir(task.out, { recursive: true });
  const started = performance.now();
  const progress = task.startProgress(`encode by ${task.engine}`, task.items, "items");
  const tasks = new Map<number, { memory: number; cpu: number }>();
  let killed: string | undefined;
  const timer = setInterval(() => {
    const done = countShards(task.out);
    progress.update(Math.floor((done * task.items) / task.partitions), `${done} of ${task.partitions} shards`);
    const below = descendants(process.pid);
    for (const { pid, command } of below) {
      // what Python starts it with has another name first
      if (!command.includes("poeem.js encode-shard")) continue;
      const memory = Math.max(tasks.get(pid)?.memory ?? 0, peakMemory(pid));
      tasks.set(pid, { memory, cpu: Math.max(tasks.get(pid)?.cpu ?? 0, cpuSeconds(pid)) });
    }
    if (!task.kill || killed !== undefined || done < KILL_AFTER * task.partitions) return;
    const victim = below.find(({ command }) => command.includes(EXECUTORS[task.engine]));
    if (victim === undefined) return;
    process.kill(victim.pid, "SIGKILL");
    killed = `${EXECUTORS[task.engine]} ${victim.pid} after ${done} of ${task.partitions} shards`;
    progress.say(`killed ${killed}`);
  }, LOOK_MS);
  try {
    await (task.engine === "processes" ? byProcesses(task) : byPython(task));
  } finally {
    clearInterval(timer);
    progress.stop();
  }
  if (task.kill && killed === undefined) throw new Error(`${task.engine}: no executor was there to be killed`);
  const seconds = (performance.now() - started) / 1000;
  const seen = [...tasks.values()];
  return {
    ...{ engine: task.engine, seconds, itemsPerSecond: task.items / seconds, killed },
    peakTaskBytes: Math.max(0, ...seen.map(({ memory }) => memory)),
    taskCpuSeconds: seen.reduce((sum, { cpu }) => sum + cpu, 0),
  };
}

/** Whole shards in a folder; 0 where there is none. */
export const countShards = (folder: string): number =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".parquet")).length : 0;

/** As many commands at a time as there are executors; one that ends badly is started again. */
async function byProcesses({ index, parts, partitions, out, executors }: EncodeTask): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let shard = next++; shard < partitions; shard = next++) {
      const items = join(parts, partFile(shard));
      const command = poeem("encode-shard", "--index", index, "--items", items, "--out", out);
      for (let tries = 1; ; tries++) {
        const { code, stderr } = await start([...command, "--shard", `${shard}/${partitions}`]).ended;
        if (code === 0) break;
        if (tries === MOST_TRIES) throw new Error(`shard ${shard} failed ${tries} times: ${stderr}`);
      }
    }
  };
  await Promise.all(Array.from({ length: executors }, worker));
}

/** By the recipe of examples/scale, as anybody would run it. */
async function byPython({ engine, python, index, parts, out, executors, scratch }: EncodeTask): Promise<void> {
  if (python === undefined) throw new Error(`--engine ${engine} needs --python, a Python with ${engine} in it`);
  await mkdir(scratch, { recursive: true });
  const where =
    engine === "spark" ? ["--master", `local-cluster[${executors},1,1024]`] : ["--workers", String(executors)];
  const files = ["--index", index, "--items", join(parts, "*.parquet"), "--out", out, "--poeem", POEEM.join(" ")];
  const folders = { SPARK_LOCAL_DIRS: scratch, PYSPARK_PYTHON: python };
  const { code, signal, stderr } = await start([python, join(RECIPES, `${engine}_encode.py`), ...files, ...where], {
    ...folders,
    RAY_USAGE_STATS_ENABLED: "0",
  }).ended;
  if (code !== 0) throw new Error(`${engine} ended with ${code ?? signal}: ${stderr}`);
}
