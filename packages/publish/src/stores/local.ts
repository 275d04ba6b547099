import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { InputError } from "@poeem/pq-core";
import { getPlatformProxy } from "wrangler";
import type { Store } from "../store.ts";
import { bindingStore, type KvBinding } from "./binding.ts";

export interface LocalOptions {
  /** Folder of the Worker, with its wrangler.jsonc. */
  readonly worker: string;
  /** Folder of the local KV; default: .wrangler/state in the Worker's folder. */
  readonly persist?: string | undefined;
}

/** Hands `work` the KV that `wrangler dev` reads on this machine. */
export async function withLocalStore<T>(options: LocalOptions, work: (store: Store) => Promise<T>): Promise<T> {
  const configPath = resolve(options.worker, "wrangler.jsonc");
  if (!existsSync(configPath))
    throw new InputError("worker", `expected a folder with wrangler.jsonc, got ${options.worker}`);
  const state = resolve(options.persist ?? join(options.worker, ".wrangler/state"));
  // The proxy wants the folder of one storage version; `wrangler dev --persist-to` adds it by itself.
  // Wrangler would say on stdout, where --json is, which secrets it read.
  process.env["WRANGLER_LOG"] ??= "warn";
  const proxy = await getPlatformProxy<{ INDEX?: KvBinding }>({ configPath, persist: { path: join(state, "v3") } });
  try {
    if (!proxy.env.INDEX) throw new UserError(`${configPath}: expected a KV namespace bound as INDEX`);
    return await work(bindingStore(proxy.env.INDEX, `the local KV in ${state}`));
  } finally {
    await proxy.dispose();
  }
}
