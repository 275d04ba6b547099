/** Which stores there are: `--to`, its help and its options come from this table, and nothing else names a store. */

import { existsSync } from "node:fs";
import { InputError } from "@poeem/pq-core";
import { INDEX_NAME } from "@poeem/pq-core/kv";
import type { Store } from "./store.ts";
import type { LocalOptions } from "./stores/local.ts";
import type { RemoteOptions } from "./stores/remote.ts";

interface StoreKind {
  /** Completes "local: …" in the help of `--to`. */
  readonly about: string;
  /** Options of the command line that the store reads: flag, help, default. Stores may share one. */
  readonly options: readonly (readonly [flag: string, help: string, fallback?: string])[];
  /** Opens the store for the time of `work`. Loads its module only then: wrangler and the SDK take a while. */
  readonly use: <T>(options: StoreOptions, work: (store: Store) => Promise<T>) => Promise<T>;
}

/** In this repository the Worker is an app; in a folder of one's own, `poeem init` puts it beside the configuration. */
const WORKER = existsSync("apps/edge/wrangler.jsonc") ? "apps/edge" : ".";
const WORKER_OPTION = ["--worker <dir>", "folder of the Worker, with its wrangler.jsonc", WORKER] as const;

export const STORES = {
  local: {
    about: "wrangler's KV on this machine",
    options: [WORKER_OPTION, ["--persist <dir>", "local KV folder (default: .wrangler/state in the Worker's folder)"]],
    use: async (options, work) => (await import("./stores/local.ts")).withLocalStore(options, work),
  },
  remote: {
    about: "Cloudflare's, with CLOUDFLARE_API_TOKEN",
    options: [
      WORKER_OPTION,
      ["--account-id <id>", "remote: default CLOUDFLARE_ACCOUNT_ID, else that of wrangler.jsonc"],
      ["--namespace-id <id>", "remote: KV namespace (default: that of INDEX in wrangler.jsonc)"],
    ],
    use: async (options, work) => work((await import("./stores/remote.ts")).openRemoteStore(options)),
  },
} as const satisfies Readonly<Record<string, StoreKind>>;

export type StoreName = keyof typeof STORES;

/** Where an index is published to, as the command line says it. */
export interface StoreOptions extends LocalOptions, RemoteOptions {
  readonly to: StoreName;
  readonly name?: string | undefined;
}

/** @throws InputError for a name that no index can have */
export function checkName(name: string | undefined): void {
  if (name === undefined || INDEX_NAME.test(name)) return;
  throw new InputError("name", `expected 1 to 40 of the characters a-z, 0-9 and -, got ${JSON.stringify(name)}`);
}

/** Opens the store that `to` names for the time of `work`. @throws InputError for a name that no index can have */
export async function withStore<T>(options: StoreOptions, work: (store: Store) => Promise<T>): Promise<T> {
  checkName(options.name);
  return STORES[options.to].use(options, work);
}
