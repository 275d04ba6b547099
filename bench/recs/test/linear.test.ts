import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listOf } from "@poeem/training/data/csr";
import { describe, expect, it } from "vitest";
import { measure } from "../measure.ts";
import { EASE } from "../peers/ease.ts";
import { type Ask, hasScipy, LinearAlgebra, needsPython } from "../peers/python.ts";
import type { Task } from "../task.ts";
import { taskOfLists, walks } from "./tasks.ts";

const PYTHON = process.env["POEEM_PYTHON"] ?? "python3";
const found = await hasScipy(PYTHON);
const ITEMS = 30;
const TASK = taskOfLists(walks(90, ITEMS, 6, 8), ITEMS, false);

/** The users as rows of 0 and 1. */
const matrix = ({ fit }: Task): number[][] =>
  Array.from({ length: fit.offsets.length - 1 }, (_, user) => {
    const row = Array<number>(ITEMS).fill(0);
    for (const item of listOf(fit, user)) row[item] = 1;
    return row;
  });

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

async function run<A extends Ask, R>(job: Parameters<LinearAlgebra["run"]>[0]) {
  const results = LinearAlgebra.with(PYTHON, TASK, async function* (algebra) {
    yield await algebra.run<A, R>(job as never);
  });
  return (await results.next().finally(() => results.return(undefined))).value as {
    ranked: Uint32Array[][][];
    said: R;
  };
}

it("says why it is left out without Python", () => {
  expect(needsPython(TASK, undefined)).toMatch(/no Python with NumPy and SciPy/);
  expect(needsPython(TASK, "python3")).toBeUndefined();
});

describe.skipIf(!found)(found ? "EASE" : "EASE (skipped: POEEM_PYTHON names no Python with SciPy)", () => {
  const lambda = 20;
  /** B by Gauss and Jordan. */
  const weights = (): number[][] => {
    const users = matrix(TASK);
    const rows = Array.from({ length: ITEMS }, (_, i) => [
      ...Array.from({ length: ITEMS }, (_, j) => users.reduce((sum, x) => sum + x[i]! * x[j]!, i === j ? lambda : 0)),
      ...Array.from({ length: ITEMS }, (_, j) => Number(i === j)),
    ]);
    for (let p = 0; p < ITEMS; p++) {
      const pivot = rows[p]!.map((value) => value / rows[p]![p]!);
      rows[p] = pivot;
      for (let i = 0; i < ITEMS; i++)
        if (i !== p) rows[i] = rows[i]!.map((value, j) => value - rows[i]![p]! * pivot[j]!);
    }
    const inverse = rows.map((row) => row.slice(ITEMS));
    return inverse.map((row, i) => row.map((value, j) => (i === j ? 0 : -value / inverse[j]![j]!)));
  };

  it("ranks by the matrix whose diagonal is zero, whole and cut", async () => {
    const whole = weights();
    const cut = (by: string): number[][] => {
      const all = whole.flatMap((row, i) => row.map((value, j) => ({ i, j, value })));
      const bySize = (some: typeof all, n: number) =>
        some.toSorted((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, n);
      const kept =
        by === "all"
          ? bySize(all, 4 * ITEMS)
          : Array.from({ length: ITEMS }, (_, n) =>
              bySize(
                all.filter(({ i, j }) => (by === "row" ? i : j) === n),
                4,
              ),
            ).flat();
      const rows = whole.map((row) => row.map(() => 0));
      for (const { i, j, value } of kept) rows[i]![j] = value;
      return rows;
    };
    const ways = [null, "row", "column", "all"] as const;
    const asks = ways.map((by) => ({ queries: "test" as const, entries: by && 4, by }));
    const { ranked } = await run({ method: "ease", fit: "fit", lambda, asks });
    for (const [i, by] of ways.entries()) {
      const table = by === null ? whole : cut(by);
      for (let query = 0; query < TASK.test.count; query++) {
        const history = Array.from(listOf(TASK.test.histories, query));
        const scores = whole.map((_, j) => history.reduce((sum, item) => sum + table[item]![j]!, 0));
        const list = Array.from(ranked[i]![0]![query]!);
        expect(new Set(list).size).toBe(ITEMS - history.length);
        expect(list.some((item) => history.includes(item))).toBe(false);
        for (let p = 1; p < list.length; p++) expect(scores[list[p - 1]!]! - scores[list[p]!]!).toBeGreaterThan(-1e-5);
      }
    }
  });

  it("chooses λ, and cuts to the bytes", async () => {
    const rows = [];
    for await (const row of EASE.rank(TASK, { seeds: [1], python: PYTHON, bytes: [8, 16], say: () => undefined }))
      rows.push(row);
    // 1 B a column number of 30, 2 B a value
    const sizes = rows.map(({ method, bytesPerItem }) => `${method}: ${bytesPerItem}`);
    expect(new Set(sizes)).toEqual(new Set(["EASE: 120", "EASE, pruned: 15", "EASE, pruned: 6"]));
  });
});

describe.skipIf(!found)(found ? "ELSA" : "ELSA (skipped: POEEM_PYTHON names no Python with SciPy)", () => {
  const job = (epochs: number, keep: number | null, factors: string) => ({
    ...{ method: "elsa" as const, fit: "fit" as const, dim: 12, epochs, rate: 0.05, seed: 3, keep, factors },
    asks: [{ queries: "test" as const, each: false }],
  });
  const read = async (file: string): Promise<number[][]> => {
    const all = new Float32Array(new Uint8Array(await readFile(file)).buffer);
    return Array.from({ length: ITEMS }, (_, i) => Array.from(all.subarray(12 * i, 12 * (i + 1))));
  };
  /** Mean of |x/|x| − y/|y||², y = x(AAᵀ − I), by plain loops. */
  const loss = (factors: readonly number[][]): number => {
    const users = matrix(TASK);
    const each = users.map((x) => {
      const hidden = factors[0]!.map((_, d) => factors.reduce((sum, row, i) => sum + x[i]! * row[d]!, 0));
      const y = factors.map((row, i) => dot(row, hidden) - x[i]!);
      return x.reduce((sum, value, i) => sum + (value / Math.sqrt(dot(x, x)) - y[i]! / Math.sqrt(dot(y, y))) ** 2, 0);
    });
    return each.reduce((a, b) => a + b) / each.length;
  };

  it("minimises the loss that plain loops have, by rows of length 1", async () => {
    const file = join(await mkdtemp(join(tmpdir(), "recs-elsa-")), "factors");
    const { ranked, said } = await run<Ask, { losses: number[] }>(job(80, null, file));
    const factors = await read(file);
    for (const row of factors) expect(dot(row, row)).toBeCloseTo(1, 4);
    // the last loss is that of the factors before the last step, which is a small one by then
    expect(said.losses.at(-1)).toBeCloseTo(loss(factors), 2);
    expect(said.losses.at(-1)).toBeLessThan(0.75 * said.losses[0]!);
    // a wrong gradient would not get there: what follows on a walk is found
    expect(measure(ranked[0]![0]!, TASK.test.relevant).measures.recallAt10).toBeGreaterThan(0.6);
  });

  it("keeps as many factors of each item as it is told, and is the same by the same seed", async () => {
    const file = join(await mkdtemp(join(tmpdir(), "recs-elsa-")), "factors");
    const { ranked } = await run(job(20, 3, file));
    for (const row of await read(file)) expect(row.filter((value) => value !== 0)).toHaveLength(3);
    expect((await run(job(20, 3, file))).ranked).toEqual(ranked);
  });
});
