import { formatCount } from "@poeem/offline/progress";
import type { ScaleResult } from "./result.ts";

type Column<T> = readonly [head: string, cell: (row: T) => string];

const seconds = (value: number): string => `${value.toFixed(1)} s`;
const mb = (bytes: number): string => `${formatCount(bytes / 1e6)} MB`;
const three = (share: number): string => share.toFixed(3);
const one = (value: number): string => value.toFixed(1);

function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const head = line(columns.map(([name]) => name)) + line(columns.map((_, c) => (c === 0 ? "---" : "--:")));
  return head + rows.map((row) => line(columns.map(([, cell]) => cell(row)))).join("");
}

/** The result as a person reads it: tables of Markdown. */
export function tables({ engines, checks, node, workerd, ...of }: ScaleResult): string {
  const facts = [
    `${formatCount(of.items)} items in ${of.partitions} partitions, ${of.dims} numbers, ${formatCount(of.cells)} cells`,
    ...(of.repeat > 1 ? [`of which one in ${of.repeat} was encoded`] : []),
    `${of.executors} executors on ${of.processors} processors (${of.processor})`,
    `trained in ${seconds(of.trainSeconds)}, items made in ${seconds(of.makeSeconds)}, ${mb(of.partBytes)}`,
  ];
  const ran = table(engines, [
    ["engine", ({ engine, killed }) => (killed ? `${engine}, one killed` : engine)],
    ["encode", (row) => seconds(row.seconds)],
    ["items/s", (row) => formatCount(row.itemsPerSecond)],
    ["CPU of tasks", (row) => seconds(row.taskCpuSeconds)],
    ["memory of a task", (row) => mb(row.peakTaskBytes)],
    ["assemble", ({ assembled }) => seconds(assembled.seconds)],
    ["memory", ({ assembled }) => mb(assembled.peakMemoryBytes)],
    ["disk", ({ assembled }) => mb(assembled.peakDiskBytes)],
    ["shards", ({ assembled }) => mb(assembled.shardBytes)],
    ["index", ({ assembled }) => mb(assembled.indexBytes)],
    ["same bytes", ({ shardsEqual, indexEqual }) => (shardsEqual && indexEqual ? "yes" : "no")],
  ]);
  const searched = table(node.rows, [
    ["in Node", ({ name }) => name],
    ["nprobe", ({ nprobe }) => String(nprobe)],
    ["overlap@10", ({ overlapAt10 }) => three(overlapAt10)],
    ["reads", ({ reads }) => one(reads)],
    ["kB", ({ bytes }) => formatCount(bytes / 1000)],
    ["codes", ({ codesScanned }) => formatCount(codesScanned)],
    ["CPU ms", ({ cpuMs }) => one(cpuMs)],
    ["p50 ms", ({ p50Ms }) => one(p50Ms)],
    ["p99 ms", ({ p99Ms }) => one(p99Ms)],
  ]);
  const inWorkerd = table(workerd?.rows ?? [], [
    ["in workerd", ({ name, refused }) => (refused > 0 ? `${name} (${refused} refused)` : name)],
    ["overlap@10", ({ overlapAt10 }) => (overlapAt10 === undefined ? "" : three(overlapAt10))],
    ["reads", ({ reads }) => one(reads)],
    ["kB", ({ bytes }) => formatCount(bytes / 1000)],
    ["CPU ms", ({ cpuMs }) => one(cpuMs)],
    ["p50 ms", ({ p50Ms }) => one(p50Ms)],
    ["p99 ms", ({ p99Ms }) => one(p99Ms)],
    ["isolate", ({ isolateMB }) => `${one(isolateMB)} MB`],
    ["process", ({ processMB }) => `${formatCount(processMB)} MB`],
  ]);
  return [
    facts.join("; "),
    ran,
    ...(checks.length > 0
      ? [
          table(checks, [
            ["assembly", ({ what }) => what],
            ["outcome", ({ outcome }) => outcome],
          ]),
        ]
      : []),
    searched,
    ...(workerd
      ? [
          inWorkerd,
          `nprobe ${workerd.nprobe}; cold start: ${one(workerd.coldStartMs)} ms, ${workerd.coldReads} reads\n`,
        ]
      : []),
  ].join("\n");
}
