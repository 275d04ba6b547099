import { formatSeconds } from "@poeem/offline/progress";
import type { Store } from "@poeem/publish/store";
import { withStore as openStore, type StoreOptions } from "@poeem/publish/stores";
import { say } from "./print.ts";
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

/** Says how long answers of the version before may still come, where Cloudflare keeps answers of the Worker. */
export async function sayIfCached({ worker }: StoreOptions): Promise<void> {
  const { readWorkerConfig } = await import("@poeem/publish/stores/worker-config");
  if (readWorkerConfig(worker).cachesAnswers)
    say("answers that Cloudflare has cached may be of the version before for 30 s more than the Workers are");
}
