import { formatSeconds } from "@poeem/offline/progress";
import type { Store } from "@poeem/publish/store";
import { withStore as openStore, type StoreOptions } from "@poeem/publish/stores";
import { sayOverBar } from "./progress.ts";

/** Waits that are shorter are not worth a line. */
const SHORTEST_WAIT_SAID_MS = 5000;

/** Opens a store for the time of `work`, and says so when it waits before another attempt. */
export function withStore<T>(options: StoreOptions, work: (store: Store) => Promise<T>): Promise<T> {
  const onWait = (reason: string, ms: number): void => {
    if (ms >= SHORTEST_WAIT_SAID_MS) sayOverBar(`waiting ${formatSeconds(ms / 1000)}: ${reason}`);
  };
  return openStore({ ...options, onWait }, work);
}
