/** What the platform has for a Worker and Node has not: a budget of requests for each client, in this process. */
import type { IncomingMessage } from "node:http";
import type { RateLimiter } from "../env.ts";
import { SettingError } from "../setting-error.ts";

/** Clients counted at once; beyond, the first are forgotten, so that a flood of addresses takes no memory. */
const MAX_CLIENTS = 100_000;
const WINDOW_MS = 60_000;

/**
 * Lets each key through `limit` times a minute. A minute begins for all of them together.
 * @param now milliseconds
 */
export function memoryRateLimiter(limit: number, now: () => number = Date.now): RateLimiter {
  let counts = new Map<string, number>();
  let endsAt = 0;
  return {
    async limit({ key }) {
      if (now() >= endsAt) {
        counts = new Map();
        endsAt = now() + WINDOW_MS;
      }
      const count = (counts.get(key) ?? 0) + 1;
      if (count === 1 && counts.size >= MAX_CLIENTS) counts.delete(counts.keys().next().value!);
      // What was refused is not counted: a number that only grows would be of no use.
      if (count <= limit) counts.set(key, count);
      return { success: count <= limit, retryAfter: Math.max(1, Math.ceil((endsAt - now()) / 1000)), most: limit };
    },
  };
}

/**
 * The address that the outermost of so many proxies saw. Each adds to `X-Forwarded-For` on the right; what is further
 * left anybody may have written.
 */
export function addressBehind(proxies: number): (request: Request, env: object) => string | undefined {
  return (request, env) => {
    const addresses = (request.headers.get("x-forwarded-for") ?? "").split(",").map((address) => address.trim());
    const address = addresses[Math.max(0, addresses.length - proxies)];
    const { incoming } = env as { readonly incoming?: IncomingMessage };
    return address === "" ? incoming?.socket.remoteAddress : address;
  };
}

/**
 * A variable that is a whole number; undefined when it is not set.
 * @throws SettingError
 */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new SettingError(`variable ${name}`, "a whole number from 1", `"${text}"`);
  return value;
}
