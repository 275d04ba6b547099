/** Which stores there are: `--to`, its help and its options come from this table, and nothing else names a store. */

import { existsSync } from "node:fs";
import { InputError } from "@poeem/pq-core";
import { INDEX_NAME } from "@poeem/pq-core/kv";
import type { Store } from "./store.ts";
import type { LocalOptions } from "./stores/local.ts";
import type { R2Options } from "./stores/r2.ts";
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
const PERSIST_OPTION = [
  "--persist <dir>",
  "folder of local KV and R2 (default: .wrangler/state in the Worker's folder)",
] as const;
const ACCOUNT_OPTION = [
  "--account-id <id>",
  "remote, r2: default CLOUDFLARE_ACCOUNT_ID, else that of wrangler.jsonc",
] as const;

export const STORES = {
  local: {
    about: "wrangler's KV on this machine",
    options: [WORKER_OPTION, PERSIST_OPTION],
    use: async (options, work) => (await import("./stores/local.ts")).withLocalStore(options, work),
  },
  remote: {
    about: "Cloudflare's, with CLOUDFLARE_API_TOKEN",
    options: [
      WORKER_OPTION,
      ACCOUNT_OPTION,
      ["--namespace-id <id>", "remote: KV namespace (default: that of INDEX in wrangler.jsonc)"],
    ],
    use: async (options, work) => work((await import("./stores/remote.ts")).openRemoteStore(options)),
  },
  "local-r2": {
    about: "wrangler's R2 on this machine",
    options: [WORKER_OPTION, PERSIST_OPTION],
    use: async (options, work) => (await import("./stores/local.ts")).withLocalBucket(options, work),
  },
  r2: {
    about: "Cloudflare's R2, with R2_ACCESS_KEY_ID and R2_SECRET_ACCESS_KEY",
    options: [
      WORKER_OPTION,
      ACCOUNT_OPTION,
      ["--bucket <name>", "r2: bucket (default: that of INDEX_BUCKET in wrangler.jsonc)"],
    ],
    use: async (options, work) => work((await import("./stores/r2.ts")).openR2Store(options)),
  },
} as const satisfies Readonly<Record<string, StoreKind>>;

export type StoreName = keyof typeof STORES;

/** Where an index is published to, as the command line says it. */
export interface StoreOptions extends LocalOptions, RemoteOptions, R2Options {
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
