import { UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { checkChangesTarget } from "@poeem/offline/index-folder/read";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import { writeDelta } from "@poeem/pq-core/write";
import { useBackend } from "@poeem/training/backend/backend";
import { type ChangedItemsOptions, readChangedItems } from "@poeem/training/encode/changed-items";
import { type GivenIds, readIds } from "@poeem/training/encode/read-ids";
import { notInIndex, report, say, someOf } from "../print.ts";

export interface EncodeOptions extends ChangedItemsOptions {
  delta?: string;
  remove?: GivenIds;
  out: string;
  json?: boolean;
}

/** `poeem encode`: new, changed and removed items become a folder of changes over an index, without training. */
export async function encodeItems(options: EncodeOptions): Promise<void> {
  const started = performance.now();
  await checkChangesTarget(options.out, options.index, options.delta);
  await checkIndexTarget(options.out);
  const index = await openIndexDirectory(options.index, options.delta);
  // the codes that `encode-shard` gives them too
  if (options.items !== undefined || options.ids !== undefined) await useBackend("wasm");
  const items = await readChangedItems(index, options, say);
  const remove = options.remove === undefined ? [] : await readIds(index, "remove", options.remove);
  if (items === undefined && remove.length === 0)
    throw new UserError("expected --items, --ids with --vectors, or --remove");
  const { added, updated, removed, unknown, ...artifact } = await writeDelta(index, { items, remove });
  const counts = { added, updated, removed, unknown: unknown.map(String) };
  if (added + updated + removed === 0) {
    const { version, manifest } = index;
    if (options.json) report(true, { out: null, version, items: manifest.numItems, ...counts, bytes: 0 }, "");
    throw new UserError(
      `--remove: the index has none of these items (${someOf(unknown)}); nothing changes, nothing is written`,
    );
  }
  const bytes = await writeIndexDirectory(options.out, artifact);
  const seconds = (performance.now() - started) / 1000;
  const { version, manifest } = artifact;
  const facts = { out: options.out, version, items: manifest.numItems, ...counts, bytes, seconds };
  report(
    options.json,
    facts,
    `${notInIndex("remove", unknown)}version ${version} in ${options.out}: ` +
      `${counted(added, "item")} added, ${formatCount(updated)} updated, ${formatCount(removed)} removed, ` +
      `${formatCount(facts.items)} in all; ${formatCount(bytes)} bytes of changes, ${formatSeconds(seconds)}`,
  );
}
