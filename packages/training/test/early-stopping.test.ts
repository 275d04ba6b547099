import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { State, Stateful } from "../src/state.ts";
import { CheckpointStore } from "../src/train/checkpoint.ts";
import { EarlyStopping } from "../src/train/early-stopping.ts";
import { validationSchedule } from "../src/train/validation.ts";

/** Weights that are the number of the step they are of. */
class Weights implements Stateful {
  readonly values = new Float32Array(2);
  state = (): State => ({ values: this.values });
  restore(state: State): void {
    this.values.set(state["values"] as Float32Array);
  }
}

const RECALLS = [0.2, 0.5, 0.4, 0.5, 0.6, 0.59, 0.6, 0.1];

/** Takes in RECALLS as those of steps 10, 20, … until it stops. */
async function train(stopping: EarlyStopping, weights: Weights, from = 0): Promise<number> {
  let step = 10 * from;
  for (const recall of RECALLS.slice(from)) {
    if (stopping.done) break;
    step += 10;
    weights.values.fill(step);
    await stopping.add(step, recall);
  }
  return step;
}

describe("EarlyStopping", () => {
  it("waits as many validations as its patience, equal recall is no rise, restores the best weights", async () => {
    for (const [patience, last, best] of [
      [2, 40, 20],
      [3, 80, 50],
    ] as const) {
      const weights = new Weights();
      const stopping = new EarlyStopping(patience, { weights }, undefined);
      expect(await train(stopping, weights)).toBe(last);
      expect(stopping.done).toBe(true);
      expect(await stopping.restoreBest(last)).toBe(best);
      expect([...weights.values]).toEqual([best, best]);
    }
  });

  it("with patience 0 never stops and keeps the last weights", async () => {
    const weights = new Weights();
    const stopping = new EarlyStopping(0, { weights }, undefined);
    expect(await train(stopping, weights)).toBe(80);
    expect(await stopping.restoreBest(80)).toBe(80);
    expect(weights.values[0]).toBe(80);
  });

  it("goes on from a checkpoint: the same stop, the same weights, from the file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "poeem-best-"));
    try {
      const checkpoints = new CheckpointStore(directory, { config: {}, dataHash: "", backend: "", code: {} }, 60);
      await checkpoints.prepare();
      const weights = new Weights();
      const first = new EarlyStopping(3, { weights }, checkpoints);
      for (const [i, recall] of RECALLS.slice(0, 6).entries()) {
        weights.values.fill(10 * (i + 1));
        await first.add(10 * (i + 1), recall);
      }
      // killed after step 60, resumed from a checkpoint of step 40: the best so far is step 20, the file is ahead of it
      weights.values.fill(40);
      const resumed = new EarlyStopping(3, { weights }, checkpoints, { best: 0.5, bestStep: 20, since: 2 });
      expect(await train(resumed, weights, 4)).toBe(80);
      expect(await resumed.restoreBest(80)).toBe(50);
      expect([...weights.values]).toEqual([50, 50]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});

describe("validationSchedule", () => {
  it("spreads the validations evenly, with one at the end", () => {
    for (const [wanted, total] of [
      [20, 1000],
      [3, 10],
      [7, 7],
      [50, 9],
    ] as const) {
      const isValidation = validationSchedule(wanted, 10, total, 1000);
      const steps = Array.from({ length: total }, (_, i) => i + 1).filter(isValidation);
      expect(steps).toHaveLength(Math.min(wanted, total));
      expect(steps.at(-1)).toBe(total);
      const gaps = steps.map((step, i) => step - (steps[i - 1] ?? 0));
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
    }
  });

  it("validates less where the catalogue is large beside the data, and never with 0", () => {
    const count = (wanted: number, items: number): number =>
      Array.from({ length: 100 }, (_, i) => i + 1).filter(validationSchedule(wanted, items, 100, 1000)).length;
    // a tenth of 100,000 examples pays for two passes over 5,000 items
    expect(count(20, 5000)).toBe(2);
    expect(count(20, 1_000_000)).toBe(1);
    expect(count(0, 10)).toBe(0);
  });
});
