/** The recall canary: now and then a search is run again over every cell, after the answer has gone out. */
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import type { LogEntry } from "../log.ts";
import { overrun, priceWithin } from "./budget.ts";
import { Meter } from "./meter.ts";
import type { ResolvedSearch } from "./resolve.ts";
import { search } from "./search.ts";

/**
 * Logs the overlap of what the cells visited give with what all cells would have given. It costs what a request that
 * asked for all cells would cost, and may cost no more.
 */
export async function logOverlap(
  served: ServedIndex,
  request: ResolvedSearch,
  limits: Limits,
  log: (entry: LogEntry) => void,
): Promise<void> {
  const { nprobe } = request;
  const line = { event: "canary", index: request.index, indexVersion: served.version } as const;
  const asked = [request, { ...request, nprobe: served.index.cellSizes.length }].map((one) => ({
    served,
    request: one,
  }));
  try {
    const meter = new Meter({ ...limits, nprobe: Infinity });
    const price = priceWithin(asked, meter);
    meter.begin(price, (limit) => overrun(limit, price, asked, meter));
    const [own, exact] = [new Set<unknown>(), new Set<unknown>()];
    for (const [i, ids] of [own, exact].entries())
      for (const { id } of (await search(served, asked[i]!.request, meter)).results) ids.add(id);
    if (exact.size === 0) return;
    const overlapAtK = [...own].filter((id) => exact.has(id)).length / exact.size;
    log({ level: "info", ...line, nprobe, k: exact.size, overlapAtK });
  } catch (error) {
    log({ level: "warn", ...line, message: String(error) });
  }
}
