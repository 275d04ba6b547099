import { counted, formatCount } from "@poeem/offline/progress";
import type { StoreOptions } from "@poeem/publish/stores";
import { listIndexNames, type PublishedIndex, previousOf, readPublished } from "@poeem/publish/versions";
import { withStore } from "../with-store.ts";

export interface VersionsOptions extends StoreOptions {
  json?: boolean;
}

/** `poeem versions`: what was published, and which version serves. */
export async function versions(options: VersionsOptions): Promise<void> {
  await withStore(options, async (store) => {
    const names = options.name === undefined ? await listIndexNames(store) : [options.name];
    const found: PublishedIndex[] = [];
    for (const name of names) found.push(await readPublished(store, name));
    if (options.json) {
      process.stdout.write(`${JSON.stringify({ store: store.name, indexes: found.map(describe) })}\n`);
      return;
    }
    for (const index of found) print(index);
    if (found.every(({ versions }) => versions.length === 0))
      process.stderr.write(`nothing was published ${options.name ? `as ${options.name} ` : ""}in ${store.name}\n`);
  });
}

function describe(index: PublishedIndex): object {
  const serving = index.pointer?.version ?? null;
  const versions = index.versions.toReversed().map(({ version, publishedAt, items, bytes, recallAt10 }) => {
    const previous = previousOf(index, version)?.version ?? null;
    const isServing = version === serving;
    return { version, publishedAt, items, bytes, recallAt10: recallAt10 ?? null, serving: isServing, previous };
  });
  return { name: index.name, serving, servingSince: index.pointer?.publishedAt ?? null, versions };
}

function print({ name, pointer, versions }: PublishedIndex): void {
  if (versions.length === 0) return;
  process.stdout.write(`${name}\n`);
  for (const { version, publishedAt, items, bytes, recallAt10 } of versions.toReversed()) {
    const recall = recallAt10 === undefined ? "" : `  recall@10 ${recallAt10.toFixed(4)}`;
    const serves = version === pointer?.version ? `  serves since ${pointer.publishedAt}` : "";
    process.stdout.write(
      `  ${version}  ${publishedAt}  ${counted(items, "item")}  ${formatCount(bytes)} bytes${recall}${serves}\n`,
    );
  }
}
