/**
 * Workers KV as it may be on any day, in front of the real one: a Worker that is bound where the namespace would be.
 * It counts what is read, and makes the trouble that it is told to: `/set?failing=0.01&stale=0.1` replaces what was set
 * before, `/counts` says what has been done since the start. Plain JavaScript, because workerd gets it as it is. Seeded.
 *
 * Shares of reads, 0 to 1:
 * - `failing` throws at once; `failingPointers` the same for pointers;
 * - `hanging` says nothing for a minute;
 * - `absent` finds nothing; `cut` gives all bytes but the last;
 * - `stale` gives the value that a pointer had before, as KV may for a minute;
 * - `corrupt`: that share of the chunks has one bit flipped, and stays so for whoever takes it from a long cache.
 * `slow` is milliseconds that each chunk takes. With `keep` values are kept here, so that the CPU that is measured is
 * not that of the simulator of KV, which takes more for a read than a search does.
 */
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = {
  ...{ pointers: 0, chunks: 0, bytes: 0 },
  ...{ failed: 0, hung: 0, slow: 0, stale: 0, cut: 0, absent: 0, corrupt: 0 },
};
let trouble = {};
let state = 4711;
/** Earlier and present value of each pointer. */
const pointers = new Map();
const kept = new Map();
/** Longest `cacheTtl`, in seconds, that looks past what a cache has kept. */
const SHORT_TTL = 60;

function chance(share = 0) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32 < share;
}

/** The same for a key every time, in [0, 1). */
function lotOf(key) {
  let hash = 7;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x5bd1e995) >>> 0;
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32;
}

export class BadDay extends WorkerEntrypoint {
  async get(key, options) {
    const { type, cacheTtl = SHORT_TTL } = options;
    const isPointer = type === "text";
    counts[isPointer ? "pointers" : "chunks"]++;
    if (chance(isPointer ? trouble.failingPointers : trouble.failing)) {
      counts.failed++;
      throw new Error(`KV GET failed: 500 Internal Server Error (${key})`);
    }
    if (chance(trouble.hanging)) {
      counts.hung++;
      await scheduler.wait(60_000);
    }
    if (isPointer) return this.pointer(key, options);
    if (trouble.slow) {
      counts.slow++;
      await scheduler.wait(trouble.slow);
    }
    const value = kept.get(key) ?? (await this.env.INDEX.get(key, options));
    if (value !== null && trouble.keep) kept.set(key, value);
    counts.bytes += value?.byteLength ?? 0;
    if (value === null || chance(trouble.absent)) {
      counts.absent++;
      return null;
    }
    if (lotOf(key) < (trouble.corrupt ?? 0) && cacheTtl > SHORT_TTL) {
      counts.corrupt++;
      const flipped = new Uint8Array(value.slice(0));
      flipped[Math.floor(lotOf(`${key}?`) * flipped.length)] ^= 1 << (key.length % 8);
      return flipped.buffer;
    }
    if (!chance(trouble.cut)) return value;
    counts.cut++;
    return value.slice(0, -1);
  }

  async pointer(key, options) {
    const value = await this.env.INDEX.get(key, options);
    const [, present] = pointers.get(key) ?? [];
    if (value !== null && value !== present) pointers.set(key, [present, value]);
    const [before] = pointers.get(key) ?? [];
    if (before === undefined || !chance(trouble.stale)) return value;
    counts.stale++;
    return before;
  }
}

export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/set") trouble = Object.fromEntries(Array.from(searchParams, ([k, v]) => [k, Number(v)]));
    return Response.json(counts);
  },
};
