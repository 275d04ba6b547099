import { type IndexPointer, KEY_PREFIXES, versionKey } from "@poeem/pq-core/kv";
import { type KeepAlive, readClaimedKeys, whilePruning } from "./claims.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import type { Store } from "./store.ts";
import { publishedValuesOf } from "./verify.ts";
import { listIndexNames, readManifest, readPublished, type VersionRecord } from "./versions.ts";

/** What served or was written within this time stays: a reader may not have looked at the pointer since. */
const SPARE_MS = 3_600_000;
/** Deleted at once, between two signs of life. */
const GROUP = 1000;

export interface PrunePlan {
  /** Versions that go, by index. */
  readonly drop: readonly { readonly name: string; readonly version: string }[];
  readonly kept: number;
  /** Full keys of the chunks and manifests that no kept version uses. */
  readonly chunks: readonly string[];
  /** Of those chunks; of chunks without a record of their size, nothing. */
  readonly bytes: number;
}

interface PruneSteps {
  /** Waits until everything that was done before is seen, and gives the keys that publishes under way need. */
  readonly settle: () => Promise<ReadonlySet<string>>;
  readonly keepAlive: KeepAlive;
}

/**
 * Decides what may go: of each index, all versions but the serving one, the `keep` newest, and any that was
 * published or served within the last hour; then all chunks older than an hour that no remaining version names and
 * no publish under way has claimed.
 * @param keep at least 1
 * @throws UserError when the manifest of a version that stays cannot be read: what it needs is then unknown.
 */
export async function planPrune(
  store: Store,
  keep: number,
  clock: Clock = SYSTEM_CLOCK,
  { settle = () => readClaimedKeys(store), keepAlive = async () => undefined }: Partial<PruneSteps> = {},
): Promise<PrunePlan> {
  // What serves now may be replaced before the versions are listed, and marked after: a prune must not miss both.
  const served = new Map<string, IndexPointer | undefined>();
  for (const name of await listIndexNames(store)) served.set(name, (await readPublished(store, name)).pointer);
  const claimed = await settle();
  const used = new Set(claimed);
  const spared = new Date(clock.now() - SPARE_MS).toISOString();
  const chunks = await store.list(KEY_PREFIXES.chunk);
  const drop: { name: string; version: string }[] = [];
  let kept = 0;
  for (const name of await listIndexNames(store)) {
    const { pointer, versions } = await readPublished(store, name);
    const serving = [pointer, served.get(name)].filter((found) => found !== undefined);
    const stays: Pick<VersionRecord, "version" | "manifestKey">[] = serving;
    for (const [age, record] of versions.toReversed().entries()) {
      if (serving.some(({ version }) => version === record.version)) continue;
      // Someone is bringing it back: the record is needed as well as the chunks, which are spared already.
      if (claimed.has(record.manifestKey)) kept++;
      else if (age < keep || isRecent(record, spared)) stays.push(record);
      else drop.push({ name, version: record.version });
    }
    for (const version of stays) {
      const found = await readManifest(store, version);
      await keepAlive();
      for (const { key } of await publishedValuesOf(store, found)) used.add(key);
    }
    kept += new Set(stays.map(({ version }) => version)).size;
  }
  const unused = chunks.filter(({ key, metadata }) => {
    // A publisher that kept no records left no time either: its chunks count as old.
    const writtenAt = metadata?.["writtenAt"] ?? "";
    return !used.has(key) && !(typeof writtenAt === "string" && writtenAt > spared);
  });
  const bytes = unused.reduce((sum, { metadata }) => sum + Number(metadata?.["size"] ?? 0), 0);
  return { drop, kept, chunks: unused.map(({ key }) => key), bytes };
}

/**
 * Deletes what `planPrune` found: first the records, so that nobody rolls back to what is about to go, then the chunks.
 * Killed in the middle, the next prune finishes the work. Publishes and rollbacks under way keep what they need.
 */
export async function pruneStore(store: Store, keep: number, clock: Clock = SYSTEM_CLOCK): Promise<PrunePlan> {
  return whilePruning(store, clock, async (settle, keepAlive) => {
    const plan = await planPrune(store, keep, clock, { settle, keepAlive });
    const keys = [...plan.drop.map(({ name, version }) => versionKey(name, version)), ...plan.chunks];
    for (let at = 0; at < keys.length; at += GROUP) {
      await keepAlive();
      await store.delete(keys.slice(at, at + GROUP));
    }
    return plan;
  });
}

function isRecent({ publishedAt, lastServed = "" }: VersionRecord, since: string): boolean {
  return publishedAt > since || lastServed > since;
}
