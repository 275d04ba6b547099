import { formatEvaluation } from "@poeem/training/evaluate/print";
import { type EvaluateIndexOptions, evaluateIndex } from "@poeem/training/evaluate-index";
import { say } from "../print.ts";
import { startProgress } from "../progress.ts";

export type EvaluateOptions = EvaluateIndexOptions & { json?: boolean };

/** `poeem evaluate`: held-out queries over all items, by exact search, the index in every way, and baselines. */
export async function evaluate({ json, ...options }: EvaluateOptions): Promise<void> {
  const result = await evaluateIndex({ ...options, say, startProgress });
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : formatEvaluation(result));
}
