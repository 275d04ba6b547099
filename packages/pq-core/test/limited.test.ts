import { describe, expect, it } from "vitest";
import { mapLimited } from "../src/limited.ts";

describe("mapLimited", () => {
  it("works on every item once, on so many at a time, and starts no more after a failure", async () => {
    for (const [count, limit] of [
      [0, 3],
      [1, 3],
      [20, 3],
      [20, 50],
    ] as const) {
      let [running, most] = [0, 0];
      const seen: number[] = [];
      await mapLimited(
        Array.from({ length: count }, (_, i) => i),
        limit,
        async (i) => {
          most = Math.max(most, ++running);
          await new Promise((wake) => setImmediate(wake));
          seen.push(i);
          running--;
        },
      );
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      expect(most).toBe(Math.min(count, limit));
    }
    let started = 0;
    const failing = mapLimited([1, 2, 3, 4, 5, 6], 2, async () => {
      started++;
      await new Promise((wake) => setImmediate(wake));
      throw new Error("stop");
    });
    await expect(failing).rejects.toThrow("stop");
    expect(started).toBe(2);
  });
});
