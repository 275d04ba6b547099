import { ReadError } from "./failures.ts";

/** For a read. Large cold values take seconds at worst; a request that waits longer is of no use to anybody. */
export const READ_TIMEOUT_MS = 10_000;

/**
 * Waits for a read, so that a hanging store becomes an error that can be told.
 * @throws ReadError naming the key after `timeoutMs`
 */
export async function within<T>(promise: Promise<T>, store: string, key: string, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new ReadError("late", `${store} key "${key}" did not come within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
