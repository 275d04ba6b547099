import type { ReadMeter } from "@poeem/pq-core";

/**
 * Reads, and once more when that fails: one failed read would fail a whole answer. At once, because a request waits.
 * Both are counted; what the meter throws ends the reading.
 */
export async function twice<V extends string | ArrayBuffer>(
  meter: ReadMeter | undefined,
  read: () => Promise<V | null>,
): Promise<V | null> {
  meter?.spend();
  const value = await read().catch(() => {
    meter?.got(0);
    meter?.spend();
    return read();
  });
  meter?.got(typeof value === "string" ? value.length : (value?.byteLength ?? 0));
  return value;
}
