import { describe, expect, it } from "vitest";
import { formatCount, formatSeconds } from "../src/progress.ts";

describe("figures for people", () => {
  it("have thousands set apart and times in two units", () => {
    expect(formatCount(1234567.4)).toBe("1,234,567");
    expect([0, 59.6, 95, 3599, 7384].map(formatSeconds)).toEqual(["0s", "1m00s", "1m35s", "59m59s", "2h03m"]);
  });
});
