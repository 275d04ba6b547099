import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Results, type Row } from "../results.ts";
import { markdown, summarise } from "../summary.ts";

const row = (changes: Partial<Row>): Row => ({
  ...{ date: "2026-11-29", commit: "abc", peer: "ours", method: "ours", bytesPerItem: 16, bytes: 16, seed: 1 },
  ...{ settings: {}, queries: 100, heldOut: 1000, seconds: 10, margins: { recallAt10: 0.02 } },
  measures: { recallAt10: 0.1 },
  ...changes,
});

it("keeps all rows, of which the newest of each run count", async () => {
  const folder = await mkdtemp(join(tmpdir(), "recs-results-"));
  const results = new Results("set", folder);
  results.add(row({ date: "2026-11-28", measures: { recallAt10: 0.5 } }));
  results.add(row({ date: "2026-11-28", method: "dense" }));
  results.add(row({}));
  results.add(row({ seed: 2, measures: { recallAt10: 0.3 } }));
  const again = new Results("set", folder);
  expect(again.newest).toHaveLength(2);
  expect(again.find({ peer: "ours", queries: 100, seed: 2, bytes: 16 })?.measures.recallAt10).toBe(0.3);
  expect(again.find({ peer: "ours", queries: 1000, seed: 2, bytes: 16 })).toBeUndefined();
  const [only, ...others] = summarise(again.newest);
  expect(others).toEqual([]);
  expect(only!.seeds).toBe(2);
  expect(only!.measures.recallAt10!.mean).toBeCloseTo(0.2, 12);
  // of .1 and .3: √((.1² + .1²) / 1)
  expect(only!.measures.recallAt10!.sd).toBeCloseTo(Math.SQRT2 / 10, 12);
  expect(only!.measures.recallAt20).toBeUndefined();
  const table = markdown([only!]);
  expect(table).toContain("| ours | 16 | 2 | 100 | .2000 ± .1414 | – |");
  expect(table).toContain("95 % interval of R@10 over the users: ± .0200");
});
