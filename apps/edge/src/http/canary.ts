/** The recall canary: now and then a search is run again over every cell, after the answer has gone out. */
import { OverloadedError } from "../index/errors.ts";
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import type { Dependencies } from "./app-env.ts";
import { isWithin, priceOfAsked } from "./asked.ts";
import { Meter } from "./meter.ts";
import { sumOf } from "./price.ts";
import { Problem } from "./problem.ts";
import type { ResolvedSearch } from "./resolve.ts";
import { search } from "./search.ts";

/**
 * Logs the overlap of what the cells visited give with what all cells would have given. It costs what a request that
 * asked for all cells would cost, and may cost no more: where it would, there is none, which is told by count.
 */
export async function logOverlap(
  served: ServedIndex,
  request: ResolvedSearch,
  limits: Limits,
  { log, repeats, now }: Pick<Dependencies, "log" | "repeats" | "now">,
): Promise<void> {
  const { nprobe } = request;
  const line = { event: "canary", index: request.index, indexVersion: served.version } as const;
  const asked = [request, { ...request, nprobe: served.index.cellSizes.length }].map((request) => ({
    served,
    request,
  }));
  const price = sumOf(asked.map(priceOfAsked));
  const refuse = () => new Problem("too-expensive", "A search over all cells takes more than one request may");
  try {
    if (!isWithin(price, limits)) throw refuse();
    const meter = new Meter(limits);
    meter.begin(price, refuse);
    const [own, exact] = [new Set<unknown>(), new Set<unknown>()];
    for (const [i, ids] of [own, exact].entries())
      for (const { id } of (await search(asked[i]!, meter)).results) ids.add(id);
    if (exact.size === 0) return;
    const overlapAtK = [...own].filter((id) => exact.has(id)).length / exact.size;
    log({ level: "info", ...line, nprobe, k: exact.size, overlapAtK });
  } catch (error) {
    const isLeftOut = error instanceof Problem || error instanceof OverloadedError;
    const [kind, level] = isLeftOut ? (["canary left out", "info"] as const) : (["canary failed", "warn"] as const);
    repeats.say(kind, { level, ...line, message: String(error) }, now(), log);
  }
}
