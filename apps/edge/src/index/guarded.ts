import { causesOf, type ReadFault } from "../log.ts";
import { failureKindOf } from "./failures.ts";
import { missing, nameOf, type Store, type StoreMeter, type StoreReadOptions } from "./store.ts";
import { within } from "./within.ts";

/** No store of ours takes longer: each of its two tries has a limit of its own. */
const READ_LIMIT_MS = 25_000;

/**
 * The store as indexes read it: no read lasts for ever, all are counted, whatever store it is, and whatever goes wrong
 * is told, also where the next try makes it good.
 */
export function guarded(store: Store, report: (fault: ReadFault) => void = () => undefined): Store {
  const read = async <V extends string | Uint8Array>(
    key: string,
    { meter, again }: StoreReadOptions,
    get: (options: StoreReadOptions) => Promise<V | null>,
  ): Promise<V | null> => {
    // Here, so that a failed read is counted too: the first that a store counts itself is this one.
    meter?.spend();
    let isFirst = true;
    let isTold = false;
    // The meter threw: nothing is wrong with the store.
    let isStopped = false;
    const counting: StoreMeter | undefined = meter && {
      spend() {
        if (isFirst) isFirst = false;
        else {
          isStopped = true;
          meter.spend();
          isStopped = false;
        }
      },
      got(bytes) {
        isTold = true;
        meter.got(bytes);
      },
      hit: () => meter.hit?.(),
    };
    const failed = (error: unknown) =>
      report({ event: "read-failed", kind: failureKindOf(error), key, causes: causesOf(error) });
    if (again) report({ event: "read-again", key });
    let value: V | null;
    try {
      value = await within(get({ meter: counting, again, failed }), nameOf(store), key, READ_LIMIT_MS);
    } catch (error) {
      if (!isStopped) failed(error);
      throw error;
    }
    if (!isTold) meter?.got(value?.length ?? 0);
    return value;
  };
  return {
    name: nameOf(store),
    getText: (key, options = {}) => read(key, options, (told) => store.getText(key, told)),
    getBytes: (key, options = {}) =>
      read(key, options, async (told) => {
        const bytes = await store.getBytes(key, told);
        // A pointer that is not there may be a wrong name; a chunk is named by what is published.
        if (bytes === null) told.failed?.(missing(store, key));
        return bytes;
      }),
  };
}
