import { describe, expect, it } from "vitest";
import { parseRetryAfter, RequestBudget, withRetries } from "../src/retry.ts";

function virtualClock() {
  let now = 1_000_000;
  return {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
}

describe("RequestBudget", () => {
  it.each([1, 7, 100])("lets through no more than %i requests in any window, and as many as it may", async (limit) => {
    const clock = virtualClock();
    const budget = new RequestBudget(clock, limit, 1000);
    const times: number[] = [];
    let state = 1;
    for (let i = 0; i < 10 * limit + 3; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (state % 5 === 0) await clock.sleep(state % 97);
      await budget.take();
      times.push(clock.now());
    }
    for (let i = limit; i < times.length; i++) expect(times[i]! - times[i - limit]!).toBeGreaterThanOrEqual(1000);
    const fresh = virtualClock();
    const idle = new RequestBudget(fresh, limit, 1000);
    for (let i = 0; i < limit; i++) await idle.take();
    expect(fresh.now()).toBe(1_000_000);
  });
});

describe("withRetries", () => {
  const run = async (random: number, failures: number): Promise<number[]> => {
    const waits: number[] = [];
    let left = failures;
    const work = async (): Promise<string> => {
      if (left-- > 0) throw new Error("not yet");
      return "done";
    };
    const options = {
      clock: virtualClock(),
      random: () => random,
      classify: () => ({ retriable: true, reason: "not yet" }),
      onWait: (_: string, ms: number) => void waits.push(ms),
    };
    expect(await withRetries(work, options)).toBe("done");
    return waits;
  };

  it("doubles its waits up to half a minute and takes off a random half at most", async () => {
    expect(await run(0, 8)).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(await run(1, 4)).toEqual([250, 500, 1000, 2000]);
  });
});

describe("parseRetryAfter", () => {
  it.each<[string | null, number | undefined]>([
    ["0", 0],
    ["2.5", 2500],
    ["-3", 0],
    ["Sun, 22 Nov 2026 10:00:05 GMT", 5000],
    ["Sun, 22 Nov 2026 09:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    [null, undefined],
  ])("reads %j as %s ms", (header, expected) => {
    expect(parseRetryAfter(header, Date.UTC(2026, 10, 22, 10))).toBe(expected);
  });
});
