import { UserError } from "@poeem/offline/errors";
import { type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import { whilePublishing } from "./claims.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";
import type { Store } from "./store.ts";
import { findDamaged, publishedValuesOf } from "./verify.ts";
import { movePointer, previousOf, readManifest, readPublished, type VersionRecord, writeRecord } from "./versions.ts";

export interface RollbackOptions {
  readonly clock?: Clock | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}

export interface RollbackFacts {
  readonly name: string;
  readonly version: string;
  /** The version that served until now. */
  readonly replaced: string | undefined;
  readonly chunksVerified: number;
}

/**
 * Makes another published version serve, by default the one published before the serving one. Every value of it is read
 * and compared with its hash before the pointer moves.
 * @throws UserError when there is no such version, or a value of it is missing or damaged; then nothing has changed
 */
export async function rollbackTo(
  store: Store,
  name: string,
  version: string | undefined,
  { clock = SYSTEM_CLOCK, startProgress = silentProgress }: RollbackOptions = {},
): Promise<RollbackFacts> {
  const target = await chooseTarget(store, name, version);
  const values = await publishedValuesOf(store, await readManifest(store, target));
  const keys = values.map(({ key }) => key);
  return whilePublishing(store, clock, keys, async (keepAlive) => {
    const progress = startProgress("verify", values.length, "chunks");
    let done = 0;
    try {
      const damaged = await findDamaged(store, values, clock, store.propagationMs, async () => {
        progress.update(++done);
        await keepAlive();
      });
      const [first] = damaged;
      if (first) {
        throw new UserError(
          `version ${target.version} of ${name} cannot serve: ` +
            `${damaged.length} of its ${values.length} values are missing or damaged, ` +
            `the first ${first.key} (got ${first.got}); the pointer stays where it was`,
        );
      }
    } finally {
      progress.stop();
    }
    await keepAlive();
    // A prune may have dropped the record meanwhile, and should spare this version from now on.
    await writeRecord(store, name, { ...target, lastServed: new Date(clock.now()).toISOString() });
    const { replaced } = await movePointer(store, clock, name, target);
    return { name, version: target.version, replaced, chunksVerified: values.length };
  });
}

async function chooseTarget(store: Store, name: string, version: string | undefined): Promise<VersionRecord> {
  const index = await readPublished(store, name);
  const known = index.versions.map((record) => record.version);
  if (index.pointer === undefined) throw new UserError(`${store.name}: no index called ${name} was published`);
  if (version === undefined) {
    const previous = previousOf(index, index.pointer.version);
    if (previous) return previous;
    throw new UserError(
      `${name}: no version was published before ${index.pointer.version}, which serves; there are ${known.join(", ")}`,
    );
  }
  if (version === index.pointer.version) throw new UserError(`${name}: version ${version} serves already`);
  const target = index.versions.find((record) => record.version === version);
  if (target) return target;
  throw new UserError(`${name}: expected a published version (${known.join(", ")}), got ${version}`);
}
