import { UserError } from "@poeem/offline/errors";
import { INDEX_NAME } from "@poeem/pq-core/kv";
import { type LocalOptions, withLocalStore } from "./local.ts";
import type { RemoteOptions } from "./remote.ts";
import type { KeyValueStore } from "./store.ts";

/** Where an index is published to, as the command line says it. */
export interface StoreOptions extends LocalOptions, RemoteOptions {
  readonly to: "local" | "remote";
  readonly name?: string | undefined;
}

/** Refuses a name that no index can have, in the words of the command line. */
export function checkName(name: string | undefined): void {
  if (name === undefined || INDEX_NAME.test(name)) return;
  throw new UserError(`--name: expected 1 to 40 of the characters a-z, 0-9 and -, got ${JSON.stringify(name)}`);
}

/** Opens the store for the time of `work`. */
export async function withStore<T>(options: StoreOptions, work: (store: KeyValueStore) => Promise<T>): Promise<T> {
  checkName(options.name);
  if (options.to === "local") return withLocalStore(options, work);
  // loaded when it is wanted: the SDK takes a while
  const { openRemoteStore } = await import("./remote.ts");
  return work(openRemoteStore(options));
}
