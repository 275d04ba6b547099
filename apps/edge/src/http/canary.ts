/** The recall canary: now and then a search is run again over every cell, after the answer has gone out. */
import type { ServedIndex } from "../index/served-index.ts";
import type { LogEntry } from "./app-env.ts";

/**
 * Logs the overlap of what a search answered with what all cells would have given.
 * @param answered ids of the answer, best first
 * @param exhaustive gives the ids over all cells, best first
 */
export async function logOverlap(
  { version }: ServedIndex,
  nprobe: number,
  answered: readonly unknown[],
  exhaustive: () => Promise<readonly unknown[]>,
  log: (entry: LogEntry) => void,
): Promise<void> {
  try {
    const exact = new Set(await exhaustive());
    if (exact.size === 0) return;
    const overlapAtK = answered.filter((id) => exact.has(id)).length / exact.size;
    log({ level: "info", event: "canary", indexVersion: version, nprobe, k: exact.size, overlapAtK });
  } catch (error) {
    log({ level: "warn", event: "canary", indexVersion: version, message: String(error) });
  }
}
