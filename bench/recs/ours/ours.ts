import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import type { PoeemConfigInput } from "@poeem/training/config";
import type { EvaluationResult } from "@poeem/training/evaluate/result";
import { type Measured, measure, pick } from "../measure.ts";
import { codesIn } from "../sizes.ts";
import { type OpenTask, writeConfig } from "../task.ts";
import { poeem } from "./poeem.ts";
import { rankWithRabitq } from "./rank-with-rabitq.ts";

/** Ours, and what is made afterwards from its dense vectors. */
export interface OurRow extends Measured {
  readonly peer: "ours" | "afterwards";
  readonly method: string;
  readonly bytesPerItem: number;
  readonly counted?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly seconds: number;
}

export interface Ours {
  readonly config: PoeemConfigInput;
  /** Folder of the configuration's files. */
  readonly data: string;
  /** Folder to work in. */
  readonly work: string;
  readonly dim: number;
  readonly nbits: 4 | 8;
  /** Bytes of code per item. */
  readonly bytes: number;
  readonly seed: number;
  /** IVF+PQ, IVF+OPQ and RaBitQ of as many bytes. */
  readonly afterwards: boolean;
}

/**
 * One training and one evaluation by the product's own commands: the data's own configuration at so many bytes.
 */
export async function* measureOurs(task: OpenTask, ours: Ours): AsyncGenerator<OurRow> {
  const { config, data, work, dim, nbits, bytes, seed } = ours;
  const model = { ...config.model, dim };
  const index = { ...config.index, numSubQuantizers: codesIn(nbits, bytes), nbits };
  const file = await writeConfig(work, `ours-${bytes}`, { ...config, model, index });
  const out = join(work, `index-${bytes}-${seed}`);
  const common = ["--config", file, "--data", data];
  try {
    const { seconds } = await poeem<{ seconds: number }>(["train", ...common, "--out", out, "--seed", String(seed)]);
    const { manifest } = await openIndexDirectory(out);
    const probes = new Set([manifest.defaultNprobe, Math.max(1, manifest.nlist)]);
    const evaluated = await poeem<EvaluationResult>([
      ...["evaluate", ...common, "--index", out, "--queries", String(task.test.count)],
      ...[...probes].flatMap((nprobe) => ["--nprobe", String(nprobe)]),
      ...(ours.afterwards ? ["--afterwards", String(bytes)] : []),
    ]);
    for (const row of evaluated.rows) {
      if (row.kind === "baseline" || row.bytesPerItem === null) continue;
      const isOurs = row.kind === "dense" || row.kind === "index";
      yield {
        peer: isOurs ? "ours" : "afterwards",
        method: nameOf(row.kind, row.nprobe === manifest.defaultNprobe, bytes),
        bytesPerItem: row.bytesPerItem,
        settings: { dim, ...(row.nprobe !== null && { nprobe: row.nprobe, scanned: row.scanned }) },
        ...{ measures: pick(row), margins: pick(row.margin95) },
        seconds: isOurs ? seconds : evaluated.seconds,
      };
    }
    if (ours.afterwards) {
      for await (const { ranked, ...facts } of rankWithRabitq(out, task, bytes, seed))
        yield { peer: "afterwards", ...facts, ...measure(ranked, task.test.relevant) };
    }
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

const NAMES: Readonly<Record<string, string>> = {
  index: "ours",
  "ivf-pq": "IVF+PQ of our dense table",
  "ivf-opq": "IVF+OPQ of our dense table",
};

function nameOf(kind: string, isDefault: boolean, bytes: number): string {
  if (kind === "dense") return `ours, dense, trained with ${bytes} B`;
  return `${NAMES[kind] ?? kind}${isDefault ? "" : ", all cells"}`;
}
