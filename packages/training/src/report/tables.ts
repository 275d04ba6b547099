import { formatCount } from "@poeem/offline/progress";
import type { Manifest } from "@poeem/pq-core";
import { codeShape } from "../artifact/summary.ts";
import type { DataFacts, HeldOutFacts } from "../data/report.ts";
import { columnsOf } from "../evaluate/print.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import type { Table } from "./chart.ts";

type TitledTable = Table & { readonly title: string };

/** Every row of an evaluation, as the command prints it. */
export function evaluationTable(result: EvaluationResult): TitledTable {
  const columns = columnsOf(result);
  return {
    title: "Every ranking",
    // "@20" behind "recall@10" is "recall@20"
    columns: columns.map(([name], i) =>
      name.startsWith("@")
        ? (columns.findLast(([before], j) => j < i && !before.startsWith("@"))?.[0].replace(/@.*/, "") ?? "") + name
        : name,
    ),
    rows: result.rows.map((row) => columns.map(([, of]) => of(row))),
  };
}

/** What the data was, what the index is, what the training says of itself, and the settings. */
export function factTables(manifest: Manifest, data: DataFacts | undefined): TitledTable[] {
  const { training } = manifest;
  const { config, epochs, ...facts } = (training ?? {}) as Record<string, unknown>;
  const shape: [string, string][] = [
    ["items", formatCount(manifest.numItems)],
    ["dimensions", String(manifest.dim)],
    ["metric", manifest.metric],
    ["codes", codeShape(manifest)],
    [
      "cells",
      `${formatCount(manifest.nlist)}, ${formatCount(manifest.defaultNprobe)} ` +
        `${manifest.cellsPerPage === undefined ? "" : `runs of ${manifest.cellsPerPage} `}visited by default`,
    ],
    ["rotation", manifest.hasRotation ? "learned" : "none"],
    ["version", manifest.version],
  ];
  if (manifest.previousVersion !== undefined) shape.push(["previous version", manifest.previousVersion]);
  const table = (title: string, rows: [string, string][]) => ({ title, columns: ["Name", "Value"], rows });
  return [
    ...(data ? [table("Data", dataRows(data))] : []),
    table("Index", shape),
    ...(training ? [table("Training", flatten(facts))] : []),
    ...(config ? [table("Settings", flatten(config))] : []),
  ];
}

function dataRows(facts: DataFacts): [string, string][] {
  const { items, events, unknownItems, left, hash, ...counts } = facts;
  return [
    ["items", formatCount(items)],
    ...(counts.sample ? flatten(counts.sample, "sample that was trained on") : []),
    ["events", formatCount(events)],
    ["training events", formatCount(counts.trainingEvents)],
    ["training queries", formatCount(counts.trainingQueries)],
    ...flatten(counts.weights, "weights of events"),
    // an index that an older trainer made has none
    ["own sentences of the items, trained on too", formatCount(counts.ownSentences ?? 0)],
    ["validation queries", formatCount(counts.validationQueries)],
    ["held-out queries", formatCount(counts.testQueries)],
    ...heldOutRows(facts),
    ["left out: events of unknown items", formatCount(unknownItems.count)],
    ["left out: held-out events known from training", formatCount(left.repeats)],
    ["left out: held-out users without a history", formatCount(left.withoutHistory)],
    ["SHA-256", hash],
  ];
}

function heldOutRows({ testPairs, alsoTrained, unknownQueries, withoutVectors }: HeldOutFacts): [string, string][] {
  // an index that an older trainer made has not counted them
  if (alsoTrained === undefined) return [];
  const { queries, pairs } = alsoTrained;
  const rows: [string, string][] = [["held-out pairs of query and item", formatCount(testPairs)]];
  if (queries !== null) rows.push(["held-out queries also in training, in some spelling", formatCount(queries)]);
  rows.push(
    ["held-out pairs also in training", formatCount(pairs)],
    ["held-out users without a history, who count as 0 but for popularity", formatCount(unknownQueries)],
    ...flatten(withoutVectors, "texts without a row in data.queries"),
  );
  return rows;
}

/** The leaves of an object, as "path.to.it" and text. */
function flatten(value: unknown, path = ""): [string, string][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([key, member]) => flatten(member, path === "" ? key : `${path}.${key}`));
  }
  if (value === undefined) return [];
  return [[path, typeof value === "string" ? value : JSON.stringify(value)]];
}
