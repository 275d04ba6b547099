import type { StoreReadOptions } from "./store.ts";

/**
 * Reads, and once more when that fails: one failed read would fail a whole answer. At once, because a request waits.
 * Both are counted, and the first failure is told; what the meter throws ends the reading.
 */
export async function twice<V extends string | ArrayBuffer>(
  { meter, failed }: StoreReadOptions,
  read: () => Promise<V | null>,
): Promise<V | null> {
  meter?.spend();
  const value = await read().catch((error: unknown) => {
    meter?.got(0);
    failed?.(error);
    meter?.spend();
    return read();
  });
  meter?.got(typeof value === "string" ? value.length : (value?.byteLength ?? 0));
  return value;
}
