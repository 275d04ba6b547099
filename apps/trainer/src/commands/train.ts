import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import { type TrainIndexOptions, trainIndex } from "@poeem/training/train-index";
import { report, say } from "../print.ts";
import { startProgress } from "../progress.ts";

export type TrainOptions = TrainIndexOptions & { json?: boolean };

/** `poeem train`: data → joint training → index folder. */
export async function train({ json, ...options }: TrainOptions): Promise<void> {
  const { chunks, ...facts } = await trainIndex({ ...options, say, startProgress });
  const { version, out, items, bytes, seconds, examplesPerSecond } = facts;
  report(
    json,
    facts,
    `index ${version} in ${out}: ${counted(items, "item")}, ${formatCount(bytes)} bytes in ` +
      `${counted(chunks, "chunk")}; ${formatSeconds(seconds)} in all, ${formatCount(examplesPerSecond)} examples/s`,
  );
}
