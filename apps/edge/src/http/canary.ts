/** The recall canary: now and then a search is run again over every cell, after the answer has gone out. */
import type { ServedIndex } from "../index/served-index.ts";
import type { LogEntry } from "../log.ts";

/**
 * Logs the overlap of what the cells visited give with what all cells would have given.
 * @param name of the index
 * @param byCodes gives the ids that so many cells have by codes alone, best first
 */
export async function logOverlap(
  name: string,
  { version, index }: ServedIndex,
  nprobe: number,
  byCodes: (nprobe: number) => Promise<readonly unknown[]>,
  log: (entry: LogEntry) => void,
): Promise<void> {
  const line = { event: "canary", index: name, indexVersion: version } as const;
  try {
    const exact = new Set(await byCodes(Math.max(index.manifest.nlist, 1)));
    if (exact.size === 0) return;
    const overlapAtK = (await byCodes(nprobe)).filter((id) => exact.has(id)).length / exact.size;
    log({ level: "info", ...line, nprobe, k: exact.size, overlapAtK });
  } catch (error) {
    log({ level: "warn", ...line, message: String(error) });
  }
}
