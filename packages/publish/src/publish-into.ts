import { messageOf, UserError } from "@poeem/offline/errors";
import { type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import { DEFAULT_INDEX_NAME, type IndexPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { type KeepAlive, whilePublishing } from "./claims.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import { type PublishPlan, planPublish, valuesBeside } from "./plan.ts";
import type { CheckedArtifact } from "./read-artifact.ts";
import { type Recall, recallOf } from "./recall.ts";
import type { Store } from "./store.ts";
import { transfer } from "./transfer.ts";
import { bytesOf, type ExpectedValue, publishedValuesOf, valuesOf } from "./verify.ts";
import { movePointer, newRecord, readManifest, readPublished, readSettled, writeRecord } from "./versions.ts";

export interface PublishOptions {
  /** Which index this becomes the serving version of; default "current". */
  readonly name?: string | undefined;
  /**
   * What is read back before the pointer moves. `all` (default): every chunk of the version. `new`: all but those that
   * the serving version has too, which were read back when it was published; for small changes of a large index.
   */
  readonly verify?: "all" | "new" | undefined;
  /** Of its evaluation, to be remembered with the version; default: what its record says, where it has one. */
  readonly recall?: Recall | undefined;
  readonly clock?: Clock | undefined;
  /** Bytes that are read from the artifact and handed to the store at once; default 32 MiB. */
  readonly groupBytes?: number | undefined;
  readonly startProgress?: ProgressStarter | undefined;
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

const GROUP_BYTES = 32 * 1024 * 1024;

/**
 * Publishes a version: writes the chunks and the manifest that the store lacks, reads them back, writes the record of
 * the version, and only then the pointer. A reader sees the old version or the whole new one; run again after an
 * interruption, it writes the rest. Of two publishers at once, the one that moves the pointer last serves, and the
 * other's version is complete and can be rolled back to.
 *
 * @throws UserError when the store fails or gives back other bytes than were written; the pointer is then untouched.
 */
export async function publishInto(
  store: Store,
  artifact: CheckedArtifact,
  options: PublishOptions = {},
): Promise<PublishFacts> {
  const { name = DEFAULT_INDEX_NAME, clock = SYSTEM_CLOCK } = options;
  pointerKey(name); // a name that cannot be is refused before anything is written
  const values = await valuesOf(artifact.manifest, artifact.manifestBytes, { get: artifact.read });
  const keys = values.map(({ key }) => key);
  return describeFailure(() =>
    whilePublishing(store, clock, keys, (keepAlive) => run(store, artifact, values, name, options, keepAlive)),
  );
}

async function run(
  store: Store,
  artifact: CheckedArtifact,
  values: readonly ExpectedValue[],
  name: string,
  options: PublishOptions,
  keepAlive: KeepAlive,
): Promise<PublishFacts> {
  const { verify = "all", clock = SYSTEM_CLOCK, groupBytes = GROUP_BYTES, startProgress = silentProgress } = options;
  const plan = await planPublish(store, artifact, name);
  const readBack = verify === "all" ? values : await valuesBesideServing(store, plan);
  const written = await transfer(store, artifact, plan.write, readBack, {
    clock,
    keepAlive,
    groupBytes,
    startProgress,
  });
  const { versions } = await readSettled(store, clock, name);
  const recall = options.recall ?? recallOf(versions.find(({ version }) => version === plan.version));
  const facts = { manifestKey: manifestKey(plan.version), bytes: bytesOf(values), ...recall };
  const record = newRecord(artifact.manifest, facts, clock);
  await keepAlive();
  await writeRecord(store, name, record);
  const { replaced } = await movePointer(store, clock, name, record);
  return {
    name,
    version: plan.version,
    replaced,
    chunksWritten: written.length,
    chunksPresent: values.length - written.length,
    bytesWritten: bytesOf(written),
  };
}

async function valuesBesideServing(store: Store, plan: PublishPlan): Promise<readonly ExpectedValue[]> {
  const { pointer } = await readPublished(store, plan.name);
  const read = async (version: IndexPointer) => publishedValuesOf(store, await readManifest(store, version));
  // What is not seen yet, of its manifest or its tables, is no reason to stop: everything is read back then.
  const serving = pointer && (await read(pointer).catch(() => undefined));
  return serving === undefined ? [...plan.write, ...plan.present] : valuesBeside(plan, serving);
}

async function describeFailure<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`publishing stopped before the pointer was written: ${messageOf(error)}`);
  }
}
