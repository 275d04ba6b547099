import { counted, formatCount } from "@poeem/offline/progress";
import { planPrune, pruneStore } from "@poeem/publish/prune";
import type { StoreOptions } from "@poeem/publish/stores";
import { report } from "../print.ts";
import { withStore } from "../with-store.ts";

export interface PruneOptions extends StoreOptions {
  keep: number;
  dryRun?: boolean;
  json?: boolean;
}

/** `poeem prune`: deletes what no kept version of any index uses. */
export async function prune({ keep, dryRun, json, ...options }: PruneOptions): Promise<void> {
  const plan = await withStore(options, (store) => (dryRun ? planPrune(store, keep) : pruneStore(store, keep)));
  const { drop, kept, chunks, bytes } = plan;
  if (!json) {
    if (dryRun) for (const key of chunks) process.stdout.write(`${key}\n`);
    for (const { name, version } of drop) process.stdout.write(`${name} ${version}\n`);
  }
  const deleted = `${counted(drop.length, "version")} and ${counted(chunks.length, "chunk")}`;
  report(
    json,
    { dryRun: dryRun ?? false, dropped: drop, kept, chunks, bytes },
    `${dryRun ? "would delete" : "deleted"} ${deleted}, ${formatCount(bytes)} bytes; ` +
      `${counted(kept, "version")} ${kept === 1 ? "stays" : "stay"}`,
  );
}
