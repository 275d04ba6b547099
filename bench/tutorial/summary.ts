import type { Precision, QueryHalf } from "./evaluate.ts";
import type { Result, ResultsFile } from "./results.ts";
import type { Model } from "./rows.ts";

export interface Spread {
  readonly mean: number;
  /** Sample standard deviation over seeds; 0 for one seed. */
  readonly sd: number;
}

export interface Row {
  readonly name: string;
  readonly nlist: number;
  readonly nprobe: number;
  /** Bytes an item in the index, ids and cells not counted. */
  readonly bytes: number;
  readonly lenient: Spread;
  readonly strict: Spread;
  readonly distortion: number;
  readonly stepsPerSecond: number;
  readonly seeds: number;
}

/** Means over the seeds, one row per model and nprobe; the original's scoring is followed by ours on the same index. */
export function summarize(
  models: readonly Model[],
  results: ResultsFile,
  half: QueryHalf,
  firstSeed: number,
  numSeeds: number,
): Row[] {
  return models.flatMap((model) => {
    const found: Result[] = [];
    for (let seed = firstSeed; seed < firstSeed + numSeeds; seed++) {
      const result = results.find(model, seed, half);
      if (result) found.push(result);
    }
    const rows = (name: string, pick: (result: Result) => readonly Precision[] | undefined) =>
      model.nprobes.map(
        (nprobe, i): Row => ({
          name,
          nlist: model.nlist,
          nprobe,
          bytes: model.nlist === 0 ? 256 : 8,
          lenient: spread(found.map((result) => pick(result)![i]!.lenient)),
          strict: spread(found.map((result) => pick(result)![i]!.strict)),
          distortion: spread(found.map((result) => result.distortion)).mean,
          stepsPerSecond: spread(found.map((result) => result.stepsPerSecond)).mean,
          seeds: found.length,
        }),
      );
    const own = rows(model.name, (result) => result.precision);
    return model.scoring === "unit" ? own : [...own, ...rows(`${model.name}, inner product`, (r) => r.unitPrecision)];
  });
}

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: values.length > 1 ? Math.sqrt(square / (values.length - 1)) : 0 };
}

export function printTable(rows: readonly Row[]): void {
  const cells = (spread: Spread) => `${spread.mean.toFixed(4)} ± ${spread.sd.toFixed(4)}`;
  const lines = [
    "| name | nlist | nprobe | bytes | lenient p@100 | strict p@100 | distortion | steps/s | seeds |",
    "|---|---|---|---|---|---|---|---|---|",
    ...rows.map(
      (r) =>
        `| ${r.name} | ${r.nlist} | ${r.nprobe} | ${r.bytes} | ${cells(r.lenient)} | ${cells(r.strict)} | ` +
        `${r.distortion.toFixed(3)} | ${r.stepsPerSecond.toFixed(0)} | ${r.seeds} |`,
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
