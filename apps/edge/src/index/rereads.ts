import type { ReadAgain } from "../log.ts";
import type { Store } from "./store.ts";

/** Chunks that were read again are logged at most this often. */
const REPORT_MS = 10_000;

/** The store, which tells when chunks are read again because they came damaged: the first at once, then by count. */
export function tellingRereads(store: Store, now: () => number, report: (event: ReadAgain) => void): Store {
  let times = 0;
  let reportedAt = Number.NEGATIVE_INFINITY;
  return {
    ...store,
    getBytes(key, options) {
      if (options?.again) {
        times++;
        if (now() - reportedAt >= REPORT_MS) {
          report({ event: "read-again", key, times });
          times = 0;
          reportedAt = now();
        }
      }
      return store.getBytes(key, options);
    },
  };
}
