/** Turns on a clock of their own: random requests, some of which are cancelled and never come back. */
import { describe, expect, it } from "vitest";
import { Turns, type TurnsOptions } from "../src/index/turns.ts";

const MiB = 1024 * 1024;
const options = { total: 12 * MiB, share: 4 * MiB, light: 2 * MiB, leaseMs: 1500, waitMs: 2000 };

/** A clock that jumps from one timer to the next. */
class Clock {
  now = 0;
  timers = 0;
  #waiting: { at: number; wake: () => void }[] = [];

  readonly sleep = (ms: number): Promise<void> =>
    new Promise((wake) => {
      this.timers++;
      this.#waiting.push({ at: this.now + ms, wake });
    });

  /** Runs until no timer is left, or `until`. */
  async run(until = Number.POSITIVE_INFINITY): Promise<void> {
    for (;;) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const next = this.#waiting.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
      if (next > until || next === Number.POSITIVE_INFINITY) return;
      this.now = next;
      const due = this.#waiting.filter(({ at }) => at <= next);
      this.#waiting = this.#waiting.filter(({ at }) => at > next);
      for (const { wake } of due) wake();
    }
  }
}

function setUp(changes: Partial<TurnsOptions> = {}) {
  const clock = new Clock();
  /** Sleepers whose request is cancelled stay asleep. */
  const cancelled = { isCancelled: false };
  const sleep = (ms: number) => (cancelled.isCancelled ? new Promise<void>(() => undefined) : clock.sleep(ms));
  const turns = new Turns({ ...options, ...changes, now: () => clock.now, sleep });
  /** Work of some reads, each of so many milliseconds. */
  const read = (reads: number, ms: number) => async (meter: { spend(): void; got(bytes: number): void }) => {
    for (let i = 0; i < reads; i++) {
      meter.spend();
      await clock.sleep(ms);
      meter.got(1);
    }
    return clock.now;
  };
  return { clock, turns, read, cancelled };
}

/** Seeded, below `n`. */
function random(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

describe("turns", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("keep to their bytes and to their order, seed %i", async (seed) => {
    const { clock, turns, cancelled } = setUp();
    const below = random(seed);
    const ended: { isLight: boolean; askedAt: number; startedAt?: number; failedAt?: number }[] = [];
    const ask = async (): Promise<void> => {
      const isLight = below(3) > 0;
      const bytes = isLight ? 1 + below(2 * MiB) : 2 * MiB + 1 + below(10 * MiB);
      const [reads, ms, gone] = [1 + below(isLight ? 4 : 60), 1 + below(40), below(8)];
      const own: (typeof ended)[number] = { isLight, askedAt: clock.now };
      ended.push(own);
      const work = async (meter: { spend(): void; got(bytes: number): void }) => {
        own.startedAt = clock.now;
        expect(turns.bytes).toBeLessThanOrEqual(options.total);
        for (let n = 0; n < reads; n++) {
          meter.spend();
          // its client hangs up: nothing of it runs any more
          if (gone === 0 && n === reads >> 1) await new Promise(() => undefined);
          await clock.sleep(ms);
          meter.got(1);
          expect(turns.bytes).toBeLessThanOrEqual(options.total);
        }
      };
      await turns.run(work, bytes).catch((error: Error) => {
        expect(error.name).toBe("OverloadedError");
        own.failedAt = clock.now;
      });
    };
    for (let i = 0; i < 300; i++) {
      // some are cancelled while they wait
      cancelled.isCancelled = below(10) === 0;
      void ask();
      cancelled.isCancelled = false;
      if (below(3) === 0) await clock.run(clock.now + 200);
    }
    await clock.run();
    const alive = ended.filter(({ startedAt, failedAt }) => startedAt !== undefined || failedAt !== undefined);
    expect(alive.length).toBeGreaterThan(260);
    for (const { askedAt, startedAt, failedAt } of alive)
      if (startedAt === undefined) expect(failedAt! - askedAt).toBeLessThanOrEqual(options.waitMs + 100);
    // Nobody starts while one of its kind that asked before waits, but for the time until that one looks.
    for (const kind of [true, false]) {
      const started = alive.filter(({ isLight, startedAt }) => isLight === kind && startedAt !== undefined);
      expect(started.length).toBeGreaterThan(20);
      let latest = 0;
      for (const { startedAt } of started) {
        expect(startedAt!).toBeGreaterThanOrEqual(latest - 400);
        latest = Math.max(latest, startedAt!);
      }
    }
    // What cancelled requests had comes back.
    clock.now += options.leaseMs;
    expect(turns.bytes).toBe(0);
  });

  it("do not let three that are always heavy keep light ones waiting, nor the other way round", async () => {
    const { clock, turns, read } = setUp();
    const waits = { light: [] as number[], heavy: [] as number[] };
    let failures = 0;
    const client = async (kind: "light" | "heavy", bytes: number, reads: number, ms: number) => {
      while (clock.now < 20_000) {
        const askedAt = clock.now;
        await turns
          .run((meter) => {
            waits[kind].push(clock.now - askedAt);
            return read(reads, ms)(meter);
          }, bytes)
          .catch(() => failures++);
      }
    };
    for (let i = 0; i < 3; i++) void client("heavy", 4 * MiB, 30, 20);
    for (let i = 0; i < 6; i++) void client("light", MiB, 2, 5);
    await clock.run();
    expect(failures).toBe(0);
    expect(waits.heavy.length).toBeGreaterThan(60);
    expect(waits.light.length).toBeGreaterThan(5000);
    expect(Math.max(...waits.light)).toBeLessThanOrEqual(20);
    expect(Math.max(...waits.heavy)).toBeLessThanOrEqual(700);
  });

  it("have an end to waiting", async () => {
    const { clock, turns, read } = setUp();
    for (let i = 0; i < 2; i++) void turns.run(read(100, 100), 12 * MiB).catch(() => undefined);
    const late = turns.run(read(1, 1), 12 * MiB).catch((error: Error) => ({ name: error.name, at: clock.now }));
    await clock.run();
    expect(await late).toEqual({ name: "OverloadedError", at: 2000 });
  });

  it("end light work that reads for too long beside heavy work, and only then", async () => {
    const { clock, turns, read } = setUp();
    const light = () => turns.run(read(10, 300), MiB).catch((error: Error) => ({ name: error.name, at: clock.now }));
    const alone = light();
    await clock.run();
    expect(await alone).toBe(3000);
    void turns.run(read(100, 100), 8 * MiB);
    const beside = light();
    await clock.run();
    // With the first read that it would begin after its two seconds.
    expect(await beside).toEqual({ name: "OverloadedError", at: 3000 + 2100 });
  });

  it("are lent where nothing is read any more: who comes back goes on if there is room, and stops if not", async () => {
    const { clock, turns, read } = setUp();
    const slow = () => turns.run(read(2, 3000), 8 * MiB).catch((error: Error) => error.name);
    const alone = slow();
    await clock.run();
    expect(await alone).toBe(6000);
    const robbed = slow();
    await clock.run(clock.now + 100);
    const next = turns.run(read(40, 100), 8 * MiB);
    await clock.run();
    expect(await next).toBe(6000 + 1500 + 4000);
    expect(await robbed).toBe("OverloadedError");
  });

  it("wake seldom whom it is far from: hundreds that wait do not drown the one that works", async () => {
    const { clock, turns, read } = setUp();
    void turns.run(read(20, 100), 12 * MiB);
    await clock.run(10);
    const before = clock.timers;
    const waiting = Array.from({ length: 300 }, () =>
      turns.run(read(1, 1), 12 * MiB).catch((error: Error) => error.name),
    );
    await clock.run(1010);
    // Every 2 ms each: 150,000.
    expect(clock.timers - before).toBeLessThan(5000);
    await clock.run();
    // There is no use in so many: the last are told at once.
    expect((await Promise.all(waiting)).filter((name) => name === "OverloadedError").length).toBeGreaterThanOrEqual(
      100,
    );
  });

  it("give a light one its share at once, however many heavy ones wait", async () => {
    const { clock, turns, read } = setUp();
    const heavy = Array.from({ length: 300 }, () =>
      turns.run(read(1, 100), 8 * MiB).catch((error: Error) => error.name),
    );
    await clock.run(10);
    expect(await turns.run(async () => clock.now, MiB)).toBe(10);
    // And those for whom there is no share left wait for each other alone.
    const lights = Array.from({ length: 100 }, () => turns.run(read(1, 10), 2 * MiB));
    await clock.run();
    expect(await Promise.all(lights)).toHaveLength(100);
    await Promise.all(heavy);
  });

  it("give every read of the request to its meter", async () => {
    const { clock, turns, read } = setUp();
    const seen: number[] = [];
    const meter = { spend: () => void seen.push(0), got: (bytes: number) => void seen.push(bytes) };
    void turns.run(read(2, 1), MiB, meter);
    await clock.run();
    expect(seen).toEqual([0, 1, 0, 1]);
  });
});
