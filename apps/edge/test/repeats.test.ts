import { describe, expect, it } from "vitest";
import type { LogEntry } from "../src/log.ts";
import { Repeats } from "../src/repeats.ts";
import { randomFloats } from "./fixture.ts";

const line = (requestId: string) =>
  ({ level: "warn", event: "refused", problem: "rate-limited", status: 429, path: "/search", requestId }) as const;

function setUp() {
  const logged: LogEntry[] = [];
  const log = (entry: LogEntry) => logged.push(entry);
  const repeats = new Repeats();
  return {
    logged,
    say: (kind: string, now: number, id = "a") => repeats.say(kind, line(id), now, log),
    tell: (now: number) => repeats.tell(now, log),
    told: () =>
      logged.map((entry) => ("count" in entry && "requestId" in entry ? `${entry.requestId} ${entry.count}` : "")),
  };
}

describe("lines that repeat", () => {
  it("come at once, then once a minute with how many there were", () => {
    const { say, tell, told } = setUp();
    say("a", 0, "first");
    for (let i = 1; i <= 1_000; i++) say("a", i * 10, `n${i}`);
    expect(told()).toEqual(["first 1"]);
    tell(59_999);
    expect(told()).toEqual(["first 1"]);
    tell(60_000);
    expect(told()).toEqual(["first 1", "n1000 1000"]);
  });

  it("are the first again after a minute without any", () => {
    const { say, tell, told } = setUp();
    say("a", 0, "first");
    tell(60_000);
    say("a", 60_001, "again");
    expect(told()).toEqual(["first 1", "again 1"]);
  });

  it("add up to what happened, a line a minute and kind at most, whenever they come", () => {
    const { say, tell, logged } = setUp();
    const random = randomFloats(7);
    const said = new Map<string, number>();
    let now = 0;
    for (let i = 0; i < 5_000; i++) {
      now += Math.abs(random()) * 400;
      const kind = ["a", "b", "c"][Math.floor(Math.abs(random()) * 3)]!;
      said.set(kind, (said.get(kind) ?? 0) + 1);
      say(kind, now, kind);
    }
    tell(now + 60_000);
    const counts = new Map<string, number>();
    const lines = new Map<string, number>();
    for (const entry of logged) {
      if (entry.event !== "refused") continue;
      counts.set(entry.requestId, (counts.get(entry.requestId) ?? 0) + entry.count);
      lines.set(entry.requestId, (lines.get(entry.requestId) ?? 0) + 1);
    }
    expect(counts).toEqual(said);
    for (const n of lines.values()) expect(n).toBeLessThanOrEqual(now / 60_000 + 2);
  });
});
