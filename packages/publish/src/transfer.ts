import { UserError } from "@poeem/offline/errors";
import type { ProgressStarter } from "@poeem/offline/progress";
import { chunkKey, manifestKey } from "@poeem/pq-core/kv";
import type { KeepAlive } from "./claims.ts";
import type { Clock } from "./clock.ts";
import type { CheckedArtifact } from "./read-artifact.ts";
import type { Store, StoredValue } from "./store.ts";
import { bytesOf, type DamagedValue, type ExpectedValue, findDamaged } from "./verify.ts";

export interface TransferOptions {
  readonly clock: Clock;
  readonly keepAlive: KeepAlive;
  /** Bytes that are read from the artifact and handed to the store at once. */
  readonly groupBytes: number;
  readonly startProgress: ProgressStarter;
}

/**
 * Brings values into the store and reads values back; those that an earlier run left damaged are written once more.
 * @returns everything that was written
 * @throws UserError when the store gives back something else than was written
 */
export async function transfer(
  store: Store,
  artifact: CheckedArtifact,
  write: readonly ExpectedValue[],
  readBack: readonly ExpectedValue[],
  { clock, keepAlive, groupBytes, startProgress }: TransferOptions,
): Promise<ExpectedValue[]> {
  const progress = startProgress("publish", bytesOf([...write, ...readBack]) / 1000, "kB");
  let done = 0;
  const advance = async ({ size }: ExpectedValue): Promise<void> => {
    done += size / 1000;
    progress.update(done);
    await keepAlive();
  };
  const writeAll = async (values: readonly ExpectedValue[], onWritten: typeof advance): Promise<void> => {
    for (const group of groupsOf(values, groupBytes)) {
      const writtenAt = new Date(clock.now()).toISOString();
      const read = async ({ key, size, sha256 }: ExpectedValue): Promise<StoredValue> => {
        return { key, bytes: await readValue(artifact, key), metadata: { size, sha256, writtenAt } };
      };
      await store.put(await Promise.all(group.map(read)));
      for (const value of group) await onWritten(value);
    }
  };
  try {
    await writeAll(write, advance);
    const patience = 2 * store.propagationMs;
    const written = new Set(write.map(({ key }) => key));
    const fresh = readBack.filter(({ key }) => written.has(key));
    requireNone(store, await findDamaged(store, fresh, clock, patience, advance));
    const older = readBack.filter(({ key }) => !written.has(key));
    const damaged = await findDamaged(store, older, clock, 0, advance);
    await writeAll(damaged, keepAlive);
    requireNone(store, await findDamaged(store, damaged, clock, patience, keepAlive));
    return [...write, ...damaged];
  } finally {
    progress.stop();
  }
}

/** Cuts a list into groups of at most `bytes`, or of one value that is larger. */
function* groupsOf(values: readonly ExpectedValue[], bytes: number): Generator<ExpectedValue[]> {
  let group: ExpectedValue[] = [];
  let sum = 0;
  for (const value of values) {
    if (group.length > 0 && sum + value.size > bytes) {
      yield group;
      [group, sum] = [[], 0];
    }
    group.push(value);
    sum += value.size;
  }
  if (group.length > 0) yield group;
}

async function readValue(artifact: CheckedArtifact, key: string): Promise<Uint8Array> {
  const isManifest = key === manifestKey(artifact.manifest.version);
  return isManifest ? artifact.manifestBytes : artifact.read(key.slice(chunkKey("").length));
}

function requireNone(store: Store, damaged: readonly DamagedValue[]): void {
  const [first] = damaged;
  if (!first) return;
  const more = damaged.length > 1 ? ` and ${damaged.length - 1} more` : "";
  throw new UserError(
    `${store.name} gave back ${first.got} for ${first.key}${more} after writing; the pointer stays where it was`,
  );
}
