/**
 * A prune must not delete what a publish is about to point at, and KV has no lock. So each says what it is doing in a
 * key of its own, a claim, before it looks at anything else:
 *
 *     publish: claims the keys it will point at, then waits until no prune has a claim, then looks what is there
 *     prune:   claims, waits twice the time a write takes to be seen, then spares whatever a publish has claimed
 *
 * Let a write be seen everywhere after at most d. A publish that claims more than d before the prune looks is seen by
 * it. One that claims later does so more than d after the prune did (the wait was 2d), so it sees the prune's claim and
 * waits. When the work is done, a claim lingers for another 2d: by then the other side sees what was written, or that
 * something was deleted, and not only that the claim has gone.
 *
 * Nobody waits when there is nothing to wait for, any number of publishers work at once, and claims expire: what was
 * killed stands in nobody's way for ever.
 */
import { randomUUID } from "node:crypto";
import { UserError } from "@poeem/offline/errors";
import { claimKey } from "@poeem/pq-core/kv";
import type { Clock } from "./clock.ts";
import type { Store } from "./store.ts";

/** Seconds that a publish may go without a sign of life. */
const PUBLISH_LEASE = 3600;
/** Seconds that a prune may go without a sign of life. */
const PRUNE_LEASE = 1800;
const POLL_MS = 5000;
/** The shortest expiry that KV takes, in seconds. */
const MIN_EXPIRY = 60;

/**
 * A sign of life, to be given every now and then and before anything that the claim is for; writes only when it is time
 * to. Throws a `UserError` when the last one is so long ago that the claim may have expired: a machine that slept must
 * not go on as if nothing had happened.
 */
export type KeepAlive = () => Promise<void>;

/**
 * Runs `work` as a publish or a rollback.
 * @param keys full KV keys of everything that the pointer will need; a prune spares them from now on
 */
export async function whilePublishing<T>(
  store: Store,
  clock: Clock,
  keys: readonly string[],
  work: (keepAlive: KeepAlive) => Promise<T>,
): Promise<T> {
  return withClaim(store, clock, "publish", keys, PUBLISH_LEASE, async (keepAlive) => {
    const deadline = clock.now() + 2 * (1000 * PRUNE_LEASE + lingerMs(store));
    for (;;) {
      const [prune] = await store.list(claimKey("prune"));
      if (!prune) break;
      if (clock.now() >= deadline)
        throw new UserError(`${store.name}: a prune is under way since ${prune.metadata?.["since"]}; try again later`);
      await clock.sleep(POLL_MS);
      await keepAlive();
    }
    return work(keepAlive);
  });
}

/**
 * Runs `work` as a prune.
 * @param work calls `settle` once, before it looks what there is to delete. That takes two minutes at Cloudflare and
 * gives the keys that publishers have claimed; what is listed afterwards shows all that was done before `work` began
 */
export async function whilePruning<T>(
  store: Store,
  clock: Clock,
  work: (settle: () => Promise<ReadonlySet<string>>, keepAlive: KeepAlive) => Promise<T>,
): Promise<T> {
  const settle = async (): Promise<ReadonlySet<string>> => {
    if (store.propagationMs > 0) await clock.sleep(2 * store.propagationMs);
    return readClaimedKeys(store);
  };
  return withClaim(store, clock, "prune", [], PRUNE_LEASE, (keepAlive) => work(settle, keepAlive));
}

/** All keys that a publish under way needs. */
export async function readClaimedKeys(store: Store): Promise<Set<string>> {
  const claimed = new Set<string>();
  for (const { key } of await store.list(claimKey("publish"))) {
    const bytes = await store.get(key);
    if (bytes !== null) {
      for (const name of JSON.parse(new TextDecoder().decode(bytes)) as string[]) claimed.add(name);
    } else if ((await store.list(key)).length > 0) {
      throw new UserError(`${store.name}: the claim ${key} of a publish under way cannot be read; try again later`);
    }
  }
  return claimed;
}

async function withClaim<T>(
  store: Store,
  clock: Clock,
  kind: "publish" | "prune",
  keys: readonly string[],
  lease: number,
  work: (keepAlive: KeepAlive) => Promise<T>,
): Promise<T> {
  const key = claimKey(kind, randomUUID());
  const bytes = new TextEncoder().encode(JSON.stringify(keys));
  const metadata = { since: new Date(clock.now()).toISOString() };
  let writtenAt = Number.NEGATIVE_INFINITY;
  const write = async (expiresIn: number): Promise<void> => {
    await store.put([{ key, bytes, metadata, expiresIn }]);
    writtenAt = clock.now();
  };
  const keepAlive = async (): Promise<void> => {
    const age = (clock.now() - writtenAt) / 1000;
    if (age >= 0.75 * lease && age !== Number.POSITIVE_INFINITY)
      throw new UserError(`${store.name}: the ${kind} stood still for ${Math.round(age / 60)} minutes; run it again`);
    if (age >= 0.25 * lease) await write(lease);
  };
  await keepAlive();
  try {
    return await work(keepAlive);
  } finally {
    const linger = lingerMs(store) / 1000;
    const end = linger > 0 ? write(Math.max(MIN_EXPIRY, linger)) : store.delete([key]);
    // it expires by itself, so a failure here must not hide how the work ended
    await end.catch(() => undefined);
  }
}

function lingerMs(store: Store): number {
  return 2 * store.propagationMs;
}
