import { expect, it } from "vitest";
import { Reclaimer } from "../src/index/reclaimer.ts";

function setUp() {
  const clock = { now: 0 };
  const reclaimer = new Reclaimer({ leaseMs: 15_000, now: () => clock.now });
  const page = () => new Uint8Array(16).subarray(4);
  /** Something that runs until it is told to end. */
  const begin = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = reclaimer.run(() => promise);
    return { end: resolve, ended };
  };
  const isFree = ({ buffer }: Uint8Array) => (buffer as ArrayBuffer).detached;
  return { clock, reclaimer, page, begin, isFree };
}

it("frees a page at once when nothing runs", () => {
  const { reclaimer, page, isFree } = setUp();
  const bytes = page();
  reclaimer.release(bytes);
  expect(isFree(bytes)).toBe(true);
});

it("frees a page when all that ran as it was let go has ended, whatever began later", async () => {
  const { reclaimer, page, begin, isFree } = setUp();
  const [first, second] = [begin(), begin()];
  const bytes = page();
  reclaimer.release(bytes);
  const later = begin();
  first.end();
  await first.ended;
  expect(isFree(bytes)).toBe(false);
  second.end();
  await second.ended;
  expect(isFree(bytes)).toBe(true);
  const after = page();
  reclaimer.release(after);
  expect(isFree(after)).toBe(false);
  later.end();
  await later.ended;
  expect(isFree(after)).toBe(true);
});

it("waits for nothing that has run longer than its lease, which then gets an error and no answer", async () => {
  const { clock, reclaimer, page, begin, isFree } = setUp();
  const slow = begin();
  const bytes = page();
  reclaimer.release(bytes);
  clock.now += 15_000;
  const next = begin();
  next.end();
  await next.ended;
  expect(isFree(bytes)).toBe(true);
  slow.end();
  await expect(slow.ended).rejects.toThrow(/took longer than 15000 ms/);
});

it("leaves pages to the garbage collector rather than hold 8 MiB of them for something that does not end", async () => {
  const { reclaimer, begin, isFree } = setUp();
  const slow = begin();
  const pages = Array.from({ length: 9 }, () => new Uint8Array(1024 * 1024));
  for (const bytes of pages) reclaimer.release(bytes);
  slow.end();
  await slow.ended;
  expect(pages.map(isFree)).toEqual([false, ...Array(8).fill(true)]);
});

it("gives on what work returns and throws", async () => {
  const { reclaimer } = setUp();
  expect(await reclaimer.run(async () => 7)).toBe(7);
  await expect(reclaimer.run(async () => Promise.reject(new Error("no page")))).rejects.toThrow("no page");
});
