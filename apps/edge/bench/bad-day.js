/**
 * Workers KV as it is on a bad day, in front of the real one: a Worker that is bound where the namespace would be. `/start` begins the
 * trouble, `/counts` says what has been done. Plain JavaScript, because workerd gets it as it is. Seeded.
 */
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = { pointers: 0, chunks: 0, failed: 0, hung: 0, stale: 0, cut: 0, absent: 0 };
let isBad = false;
let state = 4711;
/** Earlier and present value of each pointer. */
const pointers = new Map();

function chance(share) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return isBad && state / 2 ** 32 < share;
}

export class BadDay extends WorkerEntrypoint {
  async get(key, options) {
    const { type } = options;
    counts[type === "text" ? "pointers" : "chunks"]++;
    if (chance(type === "text" ? 0.1 : 0.01)) {
      counts.failed++;
      throw new Error(`KV GET failed: 500 Internal Server Error (${key})`);
    }
    if (chance(0.003)) {
      counts.hung++;
      await scheduler.wait(60_000);
    }
    const value = await this.env.INDEX.get(key, options);
    if (type === "text") {
      const [, present] = pointers.get(key) ?? [];
      if (value !== null && value !== present) pointers.set(key, [present, value]);
      const [before] = pointers.get(key) ?? [];
      // Eventual consistency: an older pointer comes back now and then.
      if (before === undefined || !chance(0.1)) return value;
      counts.stale++;
      return before;
    }
    if (value === null || chance(0.003)) {
      counts.absent++;
      return null;
    }
    if (!chance(0.003)) return value;
    counts.cut++;
    return value.slice(0, -1);
  }
}

export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/start") isBad = true;
    return Response.json(counts);
  },
};
