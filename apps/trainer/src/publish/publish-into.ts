import { chunkKey, DEFAULT_INDEX_NAME, KEY_PREFIXES, manifestKey, pointerKey } from "@poeem/pq-core";
import { messageOf, UserError } from "../errors.ts";
import { createProgress } from "../progress.ts";
import { whilePublishing } from "./claims.ts";
import type { CheckedArtifact } from "./read-artifact.ts";
import { type Clock, type KeyValueStore, type StoredValue, systemClock } from "./store.ts";
import { type ExpectedValue, findDamaged, valuesOf } from "./verify.ts";
import { movePointer, newRecord, readManifest, readPublished, writeRecord } from "./versions.ts";

export interface PublishOptions {
  /** Which index this becomes the serving version of; default "current". */
  readonly name?: string | undefined;
  /**
   * What is read back before the pointer moves. `all` (default): every chunk of the version. `new`: all but those that the
   * serving version has too, which were read back when it was published; for small changes of a large index.
   */
  readonly verify?: "all" | "new" | undefined;
  readonly clock?: Clock | undefined;
}

export interface PublishFacts {
  readonly name: string;
  readonly version: string;
  /** The version that served until now, if any. */
  readonly replaced: string | undefined;
  /** Manifest included, as everywhere here. */
  readonly chunksWritten: number;
  readonly chunksPresent: number;
  readonly bytesWritten: number;
}

/** What a publish would write. */
export interface PublishPlan {
  readonly name: string;
  readonly version: string;
  readonly write: readonly ExpectedValue[];
  readonly present: readonly ExpectedValue[];
}

/** Bytes that are read from the artifact and handed to the store at once. */
const GROUP_BYTES = 32 * 1024 * 1024;

/** Compares an artifact with what the store holds; writes nothing. */
export async function planPublish(
  store: KeyValueStore,
  artifact: CheckedArtifact,
  name: string = DEFAULT_INDEX_NAME,
): Promise<PublishPlan> {
  const stored = new Map((await store.list(KEY_PREFIXES.chunk)).map(({ key, metadata }) => [key, metadata]));
  const values = valuesOf(artifact.manifest, artifact.manifestBytes);
  // Keys are compared, never read: KV would remember the absence of those that are about to be written.
  const isThere = ({ key, sha256, size }: ExpectedValue): boolean => {
    const metadata = stored.get(key);
    return metadata?.["sha256"] === sha256 && metadata["size"] === size;
  };
  return {
    name,
    version: artifact.manifest.version,
    write: values.filter((value) => !isThere(value)),
    present: values.filter(isThere),
  };
}

/**
 * Publishes a version: writes the chunks and the manifest that the store lacks, reads them back, writes the record of the
 * version, and only then the pointer. A reader sees the old version or the whole new one; run again after an
 * interruption, it writes the rest. Of two publishers at once, the one that moves the pointer last serves, and the other's version
 * is complete and can be rolled back to.
 *
 * @throws UserError when the store fails or gives back other bytes than were written; the pointer is then untouched.
 */
export async function publishInto(
  store: KeyValueStore,
  artifact: CheckedArtifact,
  { name = DEFAULT_INDEX_NAME, verify = "all", clock = systemClock }: PublishOptions = {},
): Promise<PublishFacts> {
  pointerKey(name); // a name that cannot be is refused before anything is written
  const values = valuesOf(artifact.manifest, artifact.manifestBytes);
  const manifestValue = values.at(-1)!;
  return describeFailure(() =>
    whilePublishing(
      store,
      clock,
      values.map(({ key }) => key),
      async (keepAlive) => {
        const plan = await planPublish(store, artifact, name);
        const toRead = verify === "all" ? values : await withoutServed(store, name, values);
        const progress = createProgress("publish", kilobytes([...plan.write, ...toRead]), "kB");
        let done = 0;
        const advance = async (value: ExpectedValue): Promise<void> => {
          done += value.size;
          progress.update(done / 1000);
          await keepAlive();
        };
        const rewritten: ExpectedValue[] = [];
        try {
          await write(store, artifact, plan.write, clock, advance);
          const written = new Set(plan.write.map(({ key }) => key));
          const patience = 2 * store.propagationMs;
          const fresh = toRead.filter(({ key }) => written.has(key));
          requireNone(await findDamaged(store, fresh, clock, patience, advance));
          // Of what an earlier run left, some may be damaged: it is written once more.
          const older = toRead.filter(({ key }) => !written.has(key));
          rewritten.push(...(await findDamaged(store, older, clock, 0, advance)));
          await write(store, artifact, rewritten, clock, keepAlive);
          requireNone(await findDamaged(store, rewritten, clock, patience));
          progress.update(kilobytes([...plan.write, ...toRead]));
        } finally {
          progress.stop();
        }
        const bytes = values.reduce((sum, { size }) => sum + size, 0);
        const record = newRecord(artifact.manifest, manifestValue.key, bytes, clock);
        await writeRecord(store, name, record);
        const { replaced } = await movePointer(store, clock, name, record);
        const all = [...plan.write, ...rewritten];
        return {
          name,
          version: record.version,
          replaced,
          chunksWritten: all.length,
          chunksPresent: values.length - all.length,
          bytesWritten: all.reduce((sum, { size }) => sum + size, 0),
        };
      },
    ),
  );
}

async function write(
  store: KeyValueStore,
  artifact: CheckedArtifact,
  values: readonly ExpectedValue[],
  clock: Clock,
  onWritten: (value: ExpectedValue) => Promise<void>,
): Promise<void> {
  for (const group of groupBySize(values)) {
    const read = async ({ key, size, sha256 }: ExpectedValue): Promise<StoredValue> => ({
      key,
      bytes: await bytesOf(artifact, key),
      metadata: { size, sha256, writtenAt: new Date(clock.now()).toISOString() },
    });
    await store.put(await Promise.all(group.map(read)));
    for (const value of group) await onWritten(value);
  }
}

function* groupBySize(values: readonly ExpectedValue[]): Generator<ExpectedValue[]> {
  let group: ExpectedValue[] = [];
  let bytes = 0;
  for (const value of values) {
    if (group.length > 0 && bytes + value.size > GROUP_BYTES) {
      yield group;
      [group, bytes] = [[], 0];
    }
    group.push(value);
    bytes += value.size;
  }
  if (group.length > 0) yield group;
}

function bytesOf(artifact: CheckedArtifact, key: string): Promise<Uint8Array> | Uint8Array {
  const isManifest = key === manifestKey(artifact.manifest.version);
  return isManifest ? artifact.manifestBytes : artifact.read(key.slice(chunkKey("").length));
}

/** Leaves out the values that the serving version consists of. */
async function withoutServed(
  store: KeyValueStore,
  name: string,
  values: readonly ExpectedValue[],
): Promise<readonly ExpectedValue[]> {
  const { pointer } = await readPublished(store, name);
  if (!pointer) return values;
  const { manifest, manifestBytes } = await readManifest(store, pointer);
  const served = new Set(valuesOf(manifest, manifestBytes).map(({ key }) => key));
  return values.filter(({ key }) => !served.has(key));
}

function requireNone(damaged: readonly { key: string; got: string }[]): void {
  const [first] = damaged;
  if (!first) return;
  const more = damaged.length > 1 ? ` and ${damaged.length - 1} more` : "";
  throw new UserError(
    `KV gave back ${first.got} for ${first.key}${more} after writing; the pointer stays where it was`,
  );
}

async function describeFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError || error instanceof RangeError) throw error;
    throw new UserError(`publishing stopped before the pointer was written: ${messageOf(error)}`);
  }
}

function kilobytes(values: readonly ExpectedValue[]): number {
  return values.reduce((sum, { size }) => sum + size, 0) / 1000;
}
