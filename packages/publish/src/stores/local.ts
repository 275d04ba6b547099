import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { InputError } from "@poeem/pq-core";
import { getPlatformProxy } from "wrangler";
import type { Store } from "../store.ts";
import { bindingStore, type KvBinding } from "./binding.ts";
import { type BucketBinding, bucketStore } from "./bucket.ts";

export interface LocalOptions {
  /** Folder of the Worker, with its wrangler.jsonc. */
  readonly worker: string;
  /** Folder of the local KV and R2; default: .wrangler/state in the Worker's folder. */
  readonly persist?: string | undefined;
}

interface Bindings {
  readonly INDEX?: KvBinding;
  readonly INDEX_BUCKET?: BucketBinding;
}

/** Hands `work` the KV that `wrangler dev` reads on this machine. */
export function withLocalStore<T>(options: LocalOptions, work: (store: Store) => Promise<T>): Promise<T> {
  return withBindings(options, ({ INDEX }, state, configPath) => {
    if (!INDEX) throw new UserError(`${configPath}: expected a KV namespace bound as INDEX`);
    return work(bindingStore(INDEX, `the local KV in ${state}`));
  });
}

/** Hands `work` the R2 bucket that `wrangler dev` reads on this machine. */
export function withLocalBucket<T>(options: LocalOptions, work: (store: Store) => Promise<T>): Promise<T> {
  return withBindings(options, ({ INDEX_BUCKET }, state, configPath) => {
    if (!INDEX_BUCKET) throw new UserError(`${configPath}: expected an R2 bucket bound as INDEX_BUCKET`);
    return work(bucketStore(INDEX_BUCKET, `the local R2 in ${state}`));
  });
}

async function withBindings<T>(
  options: LocalOptions,
  work: (bindings: Bindings, state: string, configPath: string) => Promise<T>,
): Promise<T> {
  const configPath = resolve(options.worker, "wrangler.jsonc");
  if (!existsSync(configPath))
    throw new InputError("worker", `expected a folder with wrangler.jsonc, got ${options.worker}`);
  const state = resolve(options.persist ?? join(options.worker, ".wrangler/state"));
  // The proxy wants the folder of one storage version; `wrangler dev --persist-to` adds it by itself.
  // Wrangler would say on stdout, where --json is, which secrets it read.
  process.env["WRANGLER_LOG"] ??= "warn";
  const proxy = await getPlatformProxy<Bindings>({ configPath, persist: { path: join(state, "v3") } });
  try {
    return await work(proxy.env, state, configPath);
  } finally {
    await proxy.dispose();
  }
}
