import { type HolderOptions, IndexHolder } from "../src/index/holder.ts";
import type { Load, LoadedIndex } from "../src/index/loaded-index.ts";
import type { Store } from "../src/index/store.ts";
import type { IndexEvent } from "../src/log.ts";

const prefetch = async () => undefined;
export const loaded = (version: string): LoadedIndex => ({ version, publishedAt: "", prefetch });
export const pointer = (version: string, publishedAt = "2026-11-22T10:00:00Z") =>
  JSON.stringify({ version, manifestKey: `m-${version}`, publishedAt });
/** Lets everything happen that no timer keeps from happening. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
}

/** A holder over a pointer that the test sets, with a clock that only the test and `sleep` move. */
export function setUp(options: Partial<HolderOptions<LoadedIndex>> = {}) {
  const state = {
    pointer: null as string | null,
    now: 1_000_000,
    opens: 0,
    looks: 0,
    open: async (version: string, _: Load): Promise<LoadedIndex> => loaded(version),
  };
  const background: Promise<unknown>[] = [];
  const events: IndexEvent[] = [];
  const store: Store = {
    name: "KV",
    getText: async () => {
      state.looks++;
      return state.pointer;
    },
    getBytes: async () => null,
  };
  const holder = new IndexHolder<LoadedIndex>({
    name: "current",
    store,
    open: (_, load) => {
      state.opens++;
      return state.open(load.version, load);
    },
    now: () => state.now,
    sleep: async (ms) => {
      state.now += ms;
      await Promise.resolve();
    },
    refreshMs: 30_000,
    leaseMs: 15_000,
    retryMs: 1_000,
    report: (event) => events.push(event),
    ...options,
  });
  const acquire = () => holder.acquire((promise) => background.push(promise));
  const settle = () => Promise.all(background.splice(0));
  /** Lets the pointer get old, and waits for what the next request does about it. @returns what serves then */
  const refresh = async (ms = 30_000) => {
    state.now += ms;
    await acquire();
    await settle();
    return holder.current!.version;
  };
  return { state, holder, acquire, settle, refresh, events };
}
