import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Results, type Row } from "../results.ts";
import { leftOut, markdown, summarise } from "../summary.ts";

const row = (changes: Partial<Row>): Row => ({
  ...{
    date: "2026-11-29",
    commit: "abc",
    data: "d",
    setup: "s",
    peer: "ours",
    method: "ours",
    bytesPerItem: 16,
    bytes: 16,
    seed: 1,
  },
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
  const run = { peer: "ours", data: "d", setup: "s" };
  expect(again.newest(again.newestData)).toHaveLength(2);
  expect(again.find({ ...run, queries: 100, seed: 2, bytes: 16 })?.measures.recallAt10).toBe(0.3);
  expect(again.find({ ...run, queries: 1000, seed: 2, bytes: 16 })).toBeUndefined();
  const [only, ...others] = summarise(again.newest(again.newestData));
  expect(others).toEqual([]);
  expect(only!.seeds).toBe(2);
  expect(only!.measures.recallAt10!.mean).toBeCloseTo(0.2, 12);
  // of .1 and .3: √((.1² + .1²) / 1)
  expect(only!.measures.recallAt10!.sd).toBeCloseTo(Math.SQRT2 / 10, 12);
  expect(only!.measures.recallAt20).toBeUndefined();
  const table = markdown([only!]);
  expect(table).toContain("| ours | 16 | 2 | 100 | .2000 ± .1414 | – |");
  expect(table).toContain("95 % interval of R@10 over the users: ± .0200");
  expect(markdown([{ ...only!, measures: { recallAt10: { mean: 0.2, sd: 0, margin: undefined } } }])).not.toContain(
    "95 %",
  );
});

it("counts the newest data, of it the newest setup of each peer, and no row that names none", async () => {
  const results = new Results("set", await mkdtemp(join(tmpdir(), "recs-results-")));
  const { data: _, setup: __, ...unknown } = row({ date: "2026-11-22", seed: 3, bytes: 8 });
  results.add(unknown);
  expect(results.newest(results.newestData)).toEqual([]);
  expect(summarise([unknown, row({ seed: 2 }), row({ setup: "t" }), row({ data: "e" })])).toHaveLength(4);
  const popularity = row({ peer: "popularity", setup: "p" });
  results.add(row({ seed: 2 }));
  results.add(popularity);
  expect(results.newest(results.newestData)).toEqual([row({ seed: 2 }), popularity]);
  results.add(row({ setup: "t" }));
  results.add(row({ data: "e" }));
  expect(results.newest(results.newestData)).toEqual([row({ data: "e" })]);
  expect(results.newest("d")).toEqual([popularity, row({ setup: "t" })]);
  expect(results.find({ peer: "ours", data: "d", setup: "t", queries: 100, seed: 2, bytes: 16 })).toBeUndefined();
  expect(results.newestData).toBe("e");
  expect(leftOut(results.older(results.newest("d")), "d")).toBe(
    "Not in the table: 1 row of unknown data or settings: ours of 2026-11-22 (abc).\n" +
      "Not in the table: 1 row of the same data with other settings or code: ours of 2026-11-29 (abc).\n" +
      "Not in the table: 1 row of other data, e: ours of 2026-11-29 (abc).\n",
  );
  expect(markdown(summarise(results.newest("d")))).toContain("\nOf the data d.\n");
});
