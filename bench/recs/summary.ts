import { counted } from "@poeem/offline/progress";
import { MEASURES, type Measure } from "./measure.ts";
import type { Row } from "./results.ts";

/** One way to rank at one size, over the seeds it was measured with. */
export interface SummaryRow {
  /** See {@link Row.data}. */
  readonly data?: string | undefined;
  readonly method: string;
  readonly bytesPerItem: number;
  readonly counted?: string | undefined;
  readonly seeds: number;
  readonly queries: number;
  readonly heldOut: number;
  /** Mean and sample standard deviation over the seeds; the margin is the mean 95 % one over the users. */
  readonly measures: Partial<Record<Measure, { mean: number; sd: number; margin: number | undefined }>>;
  readonly seconds: number;
  /** Settings of each seed where they differ. */
  readonly settings: readonly Row["settings"][];
  readonly commits: readonly string[];
}

/** Rows of the same way to rank as one, in the order in which they came first. */
export function summarise(rows: readonly Row[]): SummaryRow[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = [row.data, row.setup, row.method, row.bytesPerItem, row.bytes, row.queries].join("\t");
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()].map((all) => {
    const [first] = all as [Row];
    const settings = new Map(all.map((row) => [JSON.stringify(row.settings), row.settings]));
    const measures = MEASURES.flatMap((measure) => {
      const values = all.map((row) => row.measures[measure]).filter((value) => value !== undefined);
      if (values.length < all.length) return [];
      const margins = all.map((row) => row.margins[measure]).filter((value) => value !== undefined);
      const margin = margins.length < all.length ? undefined : mean(margins);
      return [[measure, { mean: mean(values), sd: deviation(values), margin }]];
    });
    return {
      data: first.data,
      method: first.method,
      bytesPerItem: first.bytesPerItem,
      counted: first.counted,
      seeds: all.length,
      queries: first.queries,
      heldOut: first.heldOut,
      measures: Object.fromEntries(measures),
      seconds: mean(all.map((row) => row.seconds)),
      settings: [...settings.values()],
      commits: [...new Set(all.map((row) => row.commit))],
    };
  });
}

/** As a table in Markdown; below it the users' margins where they were measured, data, commits, and how was counted. */
export function markdown(summary: readonly SummaryRow[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const titles = MEASURES.map((measure) => measure.replace("recallAt", "R@").replace("ndcgAt", "N@"));
  const rows = summary.map(({ method, bytesPerItem, seeds, queries, measures, seconds }) => [
    method,
    bytesPerItem.toLocaleString("en-US", { maximumFractionDigits: 1 }),
    String(seeds),
    queries.toLocaleString("en-US"),
    ...MEASURES.map((measure) => figure(measures[measure], seeds)),
    seconds.toFixed(0),
  ]);
  const margins = summary.flatMap(({ measures }) => measures.recallAt10?.margin ?? []);
  const measured = new Map<string, string[]>();
  for (const { method, commits } of summary) {
    const at = commits.join(", ");
    measured.set(at, [...(measured.get(at) ?? []), method]);
  }
  const ways = distinct(summary.flatMap((row) => (row.counted ? [`${row.method}: ${row.counted}`] : [])));
  return [
    line(["ranking", "bytes per item", "seeds", "users", ...titles, "seconds"]),
    line(["---", ...Array.from({ length: titles.length + 4 }, () => "---:")]),
    ...rows.map(line),
    "\n± is the standard deviation over the seeds.",
    margins.length === 0
      ? "\n"
      : ` 95 % interval of R@10 over the users: ± ${decimal(Math.max(...margins))} at most.\n`,
    ...distinct(summary.map(({ data }) => `Of the data ${data}.\n`)),
    ...[...measured].map(([at, methods]) => `At ${at}: ${distinct(methods).join("; ")}.\n`),
    ...ways.map((words) => `${words}.\n`),
  ].join("");
}

/** What is in the results but not in the table, a line for each reason; nothing where all is in it. */
export function leftOut(older: readonly Row[], data: string | undefined): string {
  const reasonOf = (row: Row): string => {
    if (row.data === undefined || row.setup === undefined) return "of unknown data or settings";
    return row.data === data ? "of the same data with other settings or code" : `of other data, ${row.data}`;
  };
  return distinct(older.map(reasonOf))
    .map((reason) => {
      const rows = older.filter((row) => reasonOf(row) === reason);
      const runs = distinct(rows.map(({ peer, date, commit }) => `${peer} of ${date.slice(0, 10)} (${commit})`));
      return `Not in the table: ${counted(rows.length, "row")} ${reason}: ${runs.join(", ")}.\n`;
    })
    .join("");
}

const distinct = (texts: readonly string[]): string[] => [...new Set(texts)];

function figure(of: { mean: number; sd: number } | undefined, seeds: number): string {
  if (of === undefined) return "–";
  return seeds > 1 ? `${decimal(of.mean)} ± ${decimal(of.sd)}` : decimal(of.mean);
}

/** .0855, as tables of recommendation have it. */
const decimal = (value: number): string => value.toFixed(4).replace(/^0/, "");

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample standard deviation; 0 of one value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}
