import { describe, expect, it } from "vitest";
import { causesOf, type LogEntry } from "../src/log.ts";
import { Repeats } from "../src/repeats.ts";
import { EVERY } from "./every-event.ts";

const REQUEST = "reads requestId status waitedMs work";

describe("the log", () => {
  it("keeps the names that queries of operators depend on", () => {
    const members = Object.values(EVERY).map((entry) => Object.keys(entry).slice(2).sort().join(" "));
    expect(Object.fromEntries(Object.keys(EVERY).map((event, i) => [event, members[i]]))).toEqual({
      "cold-start": "bytes cached index indexVersion ms publishedAt reads",
      "take-over": "bytes cached index indexVersion ms previousVersion publishedAt reads",
      "refresh-failed": "causes index indexVersion kind since wantedVersion",
      "stale-pointer": "index indexVersion publishedAt wantedVersion",
      "old-pointer": "index indexVersion publishedAt since until wantedVersion",
      "read-again": "count index indexVersion key",
      "read-failed": "causes count index indexVersion key kind",
      "limiter-failed": "causes count",
      "encoder-failed": "causes count encoder index indexVersion kind",
      evicted: "bytes for idleMs index indexVersion",
      request: `bytes cached causes detail index indexVersion ioMs method parameters path problem ${REQUEST}`,
      refused: `bytes cached causes count detail index indexVersion parameters path problem ${REQUEST}`,
      "slow-search": `bytes cached count index indexVersion ioMs much path ${REQUEST}`,
      fault: "message requestId stack",
      hook: "message requestId",
      canary: "index indexVersion k message nprobe overlapAtK",
    });
  });

  it("is one line of JSON an event, whose levels are those of what happened", () => {
    for (const [event, entry] of Object.entries(EVERY)) {
      expect(JSON.stringify(entry)).not.toContain("\n");
      expect(JSON.parse(JSON.stringify(entry))).toEqual(entry);
      expect(entry.event).toBe(event);
    }
    for (const event of [
      "cold-start",
      "take-over",
      "refresh-failed",
      "stale-pointer",
      "old-pointer",
      "evicted",
      "read-again",
      "read-failed",
    ] as const) {
      const { level: _, ...reported } = EVERY[event];
      const logged: LogEntry[] = [];
      new Repeats().sayIndex(reported, 0, (entry) => logged.push(entry));
      expect(logged).toEqual([{ ...EVERY[event], ...("count" in reported && { count: 1 }) }]);
    }
  });
});

describe("the causes of an error", () => {
  it("are told outermost first, whatever was thrown", () => {
    const inner = new RangeError("inner");
    expect(causesOf(new Error("outer", { cause: new TypeError("middle", { cause: inner }) }))).toEqual([
      "Error: outer",
      "TypeError: middle",
      "RangeError: inner",
    ]);
    expect(causesOf("text")).toEqual(["text"]);
    expect(causesOf(new Error("e", { cause: Object.create(null) }))).toEqual(["Error: e", "object"]);
    expect(causesOf(undefined)).toEqual([]);
  });

  it("end, however long they are or whatever circle they go in", () => {
    const error = new Error("x".repeat(10_000));
    error.cause = error;
    const causes = causesOf(error);
    expect(causes).toHaveLength(6);
    expect(causes.every(({ length }) => length <= 500)).toBe(true);
  });
});
