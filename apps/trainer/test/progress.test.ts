import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Pace } from "../src/pace.ts";
import { barLine } from "../src/progress.ts";

describe("the pace of work", () => {
  it("is told from the last half minute, not from a slow start nor from what was done before a resumption", () => {
    const pace = new Pace();
    expect(pace.rate).toBeUndefined();
    // resumed at 5,000
    pace.add(5000, 0);
    expect(pace.rate).toBeUndefined();
    expect(pace.secondsFor(10)).toBeUndefined();
    for (let second = 1; second <= 100; second++) pace.add(5000 + second, 1000 * second);
    expect(pace.rate).toBeCloseTo(1, 6);
    for (let second = 1; second <= 31; second++) pace.add(5100 + 20 * second, 100_000 + 1000 * second);
    expect(pace.rate).toBeCloseTo(20, 0);
    expect(pace.secondsFor(200)).toBeCloseTo(10, 0);
  });

  it("is unknown while nothing moves", () => {
    const pace = new Pace();
    pace.add(7, 0);
    pace.add(7, 5000);
    expect(pace.rate).toBe(0);
    expect(pace.secondsFor(1)).toBeUndefined();
  });
});

describe("the bar", () => {
  const words = "41% · 1,634 examples/s · 1m44s left · epoch 3/5 · loss 0.077";

  it("takes the room that the words leave, and none when there is too little", () => {
    expect(barLine("train", 0.5, words, 120)).toBe(`train ${"█".repeat(12)}${"░".repeat(12)} ${words}`);
    const narrow = barLine("train", 0.5, words, 78);
    expect(narrow).toMatch(/^train █+░+ 41%/);
    expect(narrow.length).toBeLessThan(78);
    expect(barLine("train", 0.5, words, 68)).toBe(`train ${words}`);
  });

  it("never reaches the end of the line, whatever the width", () => {
    for (let columns = 10; columns < 140; columns++) {
      expect(barLine("train", 1, words, columns).length).toBeLessThan(columns);
    }
    expect(barLine("train", 0, words, 30)).toMatch(/^train 41% .*…$/);
  });
});

describe("where there is no terminal", () => {
  it("a plain line comes at the end and between, with what is known then, and nothing else", () => {
    const script = `
      const { startProgress } = await import(${JSON.stringify(join(import.meta.dirname, "../src/progress.ts"))});
      const progress = startProgress("train", 40, "examples");
      for (let done = 10; done <= 40; done += 10) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        progress.update(done, "epoch " + done / 10);
        if (done === 20) progress.say("half way");
      }
      progress.update(40, "late");
      progress.stop();`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^half way\ntrain 100% · [\d,]+ examples\/s · epoch 4\n$/);
  });
});
