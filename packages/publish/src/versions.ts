import { messageOf, UserError } from "@poeem/offline/errors";
import { chunkTotals, type Manifest, openManifest } from "@poeem/pq-core";
import {
  formatPointer,
  INDEX_NAME,
  type IndexPointer,
  KEY_PREFIXES,
  parsePointer,
  pointerKey,
  versionKey,
} from "@poeem/pq-core/kv";
import type { Clock } from "./clock.ts";
import type { Store, StoredKey } from "./store.ts";

/** The last millisecond that a Date can tell. */
const MAX_TIME = 8.64e15;

/** What is remembered of a published version: the metadata of a key of its own, so that one list tells all of them. */
export interface VersionRecord {
  readonly version: string;
  readonly manifestKey: string;
  /** ISO 8601, UTC. Versions are ordered by it. */
  readonly publishedAt: string;
  readonly items: number;
  /** Of all chunks and the manifest. */
  readonly bytes: number;
  /** Of the held-out events of its training; absent when it was published without an evaluation. */
  readonly recallAt10?: number;
  /** Over how many queries; absent where there is no recall. */
  readonly recallQueries?: number;
  /** When it was last seen to serve, if it was replaced or rolled back to: readers may have used it until then. */
  readonly lastServed?: string;
}

/** One index: which version serves, and all published ones, the oldest first. */
export interface PublishedIndex {
  readonly name: string;
  readonly pointer: IndexPointer | undefined;
  readonly versions: readonly VersionRecord[];
}

/**
 * Reads what was published under `name`. Touches no key that may be absent. The version that the pointer names may be
 * missing from the list for a minute after it was published.
 */
export async function readPublished(store: Store, name: string): Promise<PublishedIndex> {
  const { pointer, versions } = await readRecords(store, name);
  if (pointer && !hasRecord(versions, pointer)) {
    // The list is behind the pointer, or the version is from a publisher that kept no records.
    const record = await describeVersion(store, pointer).catch(() => undefined);
    if (record) versions.push(record);
  }
  return { name, pointer, versions: versions.sort(byTime) };
}

/**
 * The same, for who writes records: where the list may be behind the pointer it waits until it cannot be, so that no
 * description takes the place of a record, which knows more.
 */
export async function readSettled(store: Store, clock: Clock, name: string): Promise<PublishedIndex> {
  const { pointer, versions } = await readRecords(store, name);
  if (pointer && !hasRecord(versions, pointer)) await clock.sleep(store.propagationMs);
  return readPublished(store, name);
}

async function readRecords(store: Store, name: string) {
  const prefix = versionKey(name);
  const versions = (await store.list(prefix)).map((key) => recordOf(key, prefix));
  return { pointer: await readPointer(store, name), versions };
}

const hasRecord = (versions: readonly VersionRecord[], pointer: IndexPointer): boolean =>
  versions.some(({ version }) => version === pointer.version);

/** Names of all indexes of which the store knows a pointer or a version. */
export async function listIndexNames(store: Store): Promise<string[]> {
  const names = new Set<string>();
  for (const prefix of [KEY_PREFIXES.pointer, KEY_PREFIXES.version]) {
    for (const { key } of await store.list(prefix)) {
      const name = key.slice(prefix.length).split("/")[0]!;
      if (INDEX_NAME.test(name)) names.add(name);
    }
  }
  return [...names].sort();
}

/** The version that was published before `version`: what a rollback goes to. */
export function previousOf({ versions }: PublishedIndex, version: string): VersionRecord | undefined {
  return versions[versions.findIndex((record) => record.version === version) - 1];
}

/** The record of a version that is published now. */
export function newRecord(
  { version, numItems: items }: Manifest,
  facts: Pick<VersionRecord, "manifestKey" | "bytes" | "recallAt10" | "recallQueries">,
  clock: Clock,
): VersionRecord {
  return { version, publishedAt: new Date(clock.now()).toISOString(), items, ...facts };
}

/** Writes the record of a version, or replaces it. @throws UserError when the store fails */
export async function writeRecord(store: Store, name: string, record: VersionRecord): Promise<void> {
  const { version, ...facts } = record;
  const bytes = new TextEncoder().encode(JSON.stringify(record));
  await store.put([{ key: versionKey(name, version), bytes, metadata: { ...facts } }]);
}

/** Makes a version serve. The one it replaces is marked: a prune spares it for as long as readers may still use it. */
export async function movePointer(
  store: Store,
  clock: Clock,
  name: string,
  { version, manifestKey }: VersionRecord,
): Promise<{ replaced: string | undefined }> {
  const { pointer, versions } = await readSettled(store, clock, name);
  const now = clock.now();
  const replaced = versions.find((record) => record.version === pointer?.version);
  if (replaced && replaced.version !== version)
    await writeRecord(store, name, { ...replaced, lastServed: new Date(now).toISOString() });
  // Readers follow no pointer that is older than the one they have, and the clock of whoever wrote that may be ahead.
  const before = Date.parse(pointer?.publishedAt ?? "");
  const publishedAt = new Date(now <= before ? Math.min(before + 1, MAX_TIME) : now).toISOString();
  const bytes = new TextEncoder().encode(formatPointer({ version, manifestKey, publishedAt }));
  try {
    await store.put([{ key: pointerKey(name), bytes }]);
  } catch (error) {
    throw new UserError(
      `the pointer of ${name} could not be written (all chunks of ${version} are there; ` +
        `\`poeem versions\` tells which version serves): ${messageOf(error)}`,
    );
  }
  return { replaced: pointer?.version };
}

/** Reads and checks the manifest of a version that a record or a pointer names. */
export async function readManifest(
  store: Store,
  { version, manifestKey }: Pick<VersionRecord, "version" | "manifestKey">,
): Promise<{ manifest: Manifest; manifestBytes: Uint8Array }> {
  const damaged = (why: string) => new UserError(`${store.name}: version ${version} is damaged: ${manifestKey}${why}`);
  const manifestBytes = await store.get(manifestKey);
  if (manifestBytes === null) throw damaged(" is missing");
  const manifest = await openManifest(manifestBytes).catch((error: unknown) => {
    throw damaged(`: ${messageOf(error)}`);
  });
  if (manifest.version !== version) throw damaged(` is of version ${manifest.version}`);
  return { manifest, manifestBytes };
}

async function readPointer(store: Store, name: string): Promise<IndexPointer | undefined> {
  const key = pointerKey(name);
  if (!(await store.list(key)).some((stored) => stored.key === key)) return undefined;
  const bytes = await store.get(key);
  return bytes === null ? undefined : parsePointer(new TextDecoder().decode(bytes));
}

async function describeVersion(store: Store, pointer: IndexPointer): Promise<VersionRecord> {
  const { manifest, manifestBytes } = await readManifest(store, pointer);
  const totals = [...chunkTotals(manifest).values()];
  const bytes = totals.reduce((sum, { bytes }) => sum + bytes, manifestBytes.length);
  return { ...pointer, items: manifest.numItems, bytes };
}

function recordOf({ key, metadata = {} }: StoredKey, prefix: string): VersionRecord {
  const text = (name: keyof VersionRecord): string => {
    const value = metadata[name];
    if (typeof value === "string" && value !== "") return value;
    throw new UserError(`record ${key} is damaged: ${name} expected text, got ${String(value)}`);
  };
  const count = (name: keyof VersionRecord): number => {
    const value = metadata[name];
    if (typeof value === "number" && value >= 0) return value;
    throw new UserError(`record ${key} is damaged: ${name} expected a number, got ${String(value)}`);
  };
  return {
    version: key.slice(prefix.length),
    manifestKey: text("manifestKey"),
    publishedAt: text("publishedAt"),
    items: count("items"),
    bytes: count("bytes"),
    ...(metadata["recallAt10"] === undefined ? {} : { recallAt10: count("recallAt10") }),
    ...(metadata["recallQueries"] === undefined ? {} : { recallQueries: count("recallQueries") }),
    ...(metadata["lastServed"] === undefined ? {} : { lastServed: text("lastServed") }),
  };
}

/** ISO 8601 in UTC sorts as text; two of the same millisecond by version, so that everyone agrees on the order. */
function byTime(a: VersionRecord, b: VersionRecord): number {
  const [left, right] = [`${a.publishedAt} ${a.version}`, `${b.publishedAt} ${b.version}`];
  return left < right ? -1 : left > right ? 1 : 0;
}
