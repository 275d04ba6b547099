import { describe, expect, it } from "vitest";
import { printable } from "../src/printable.ts";
import { counted, formatCount, formatSeconds } from "../src/progress.ts";

describe("figures for people", () => {
  it("have thousands set apart and times in two units", () => {
    expect(formatCount(1234567.4)).toBe("1,234,567");
    expect([0, 1, 2345].map((n) => counted(n, "held-out query"))).toEqual([
      "0 held-out queries",
      "1 held-out query",
      "2,345 held-out queries",
    ]);
    expect([counted(1, "item"), counted(2, "item"), counted(2, "day")]).toEqual(["1 item", "2 items", "2 days"]);
    expect([0, 59.6, 95, 3599, 7384].map(formatSeconds)).toEqual(["0s", "1m00s", "1m35s", "59m59s", "2h03m"]);
  });
});

it("text from data does nothing to a terminal", () => {
  expect(printable("a\u001b[31mb\tc\r\nd\u009b\u2028\u202e")).toBe("a\\u001b[31mb\\tc\\r\\nd\\u009b\\u2028\\u202e");
  expect(printable("größe 三 👩‍👧 क्‍ष")).toBe("größe 三 👩‍👧 क्‍ष");
});
