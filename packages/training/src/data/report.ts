import { formatCount } from "@poeem/offline/progress";
import { showExample } from "./problems.ts";
import type { DataReport, Dataset, LeftOut, RawData } from "./types.ts";

/** What was read, what of it is for what, and what was left out; for `--json`. */
export interface DataFacts extends DataReport {
  readonly hash: string;
  readonly trainingEvents: number;
  readonly trainingQueries: number;
  readonly validationQueries: number;
  readonly testQueries: number;
  /** Held-out events, and held-out queries, that no query set has. */
  readonly left: LeftOut;
}

/** What `poeem train` and the report say of the data. */
export function dataFacts(raw: RawData, dataset: Dataset): DataFacts {
  return {
    ...raw.report,
    hash: raw.hash,
    trainingEvents: dataset.eventItem.length,
    trainingQueries: dataset.train.count,
    validationQueries: dataset.validation.count,
    testQueries: dataset.test.count,
    left: dataset.left,
  };
}

/** The same as lines for a person. */
export function describeData(name: string, facts: DataFacts): string[] {
  const { unknownItems, left } = facts;
  const lines = [
    `${name}: ${formatCount(facts.items)} items, ${formatCount(facts.trainingEvents)} training events of ` +
      `${formatCount(facts.trainingQueries)} queries; ` +
      `held out: ${formatCount(facts.testQueries)} queries, and ${formatCount(facts.validationQueries)} to watch ` +
      `the training by`,
  ];
  if (unknownItems.count > 0) {
    lines.push(
      `left out ${formatCount(unknownItems.count)} events of unknown items ` +
        `(${unknownItems.examples.map(showExample).join(", ")}); --strict makes them an error`,
    );
  }
  lines.push(...(facts.notes ?? []));
  if (left.repeats > 0) {
    lines.push(`left out ${formatCount(left.repeats)} held-out events whose query led to the same item in training`);
  }
  if (left.withoutHistory > 0) {
    lines.push(`left out ${formatCount(left.withoutHistory)} held-out users without a history`);
  }
  return lines;
}
