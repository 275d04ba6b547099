import { access } from "node:fs/promises";
import { join } from "node:path";
import { readJson, writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import { countProbed, type Manifest } from "@poeem/pq-core";
import { bytesPerItem, chunkBytes } from "../artifact/summary.ts";
import { summarizeWords } from "../artifact/word-summary.ts";
import { spreadEvenly } from "../data/gather.ts";
import type { DataFacts } from "../data/report.ts";
import { EVALUATION_FILE, type EvaluationResult } from "../evaluate/result.ts";
import type { EvaluationRow, RowKind } from "../evaluate/row.ts";
import { DATA_FACTS_FILE, TRAINING_LOG_FILE, type TrainingLog } from "../train/training-log.ts";
import { codeFigures } from "./code-figures.ts";
import { evaluationFigures, headline } from "./evaluation-figures.ts";
import { formatBytes, formatFigure, formatPercent } from "./format.ts";
import { type Page, renderPage, type Section } from "./page.ts";
import { evaluationTable, factTables } from "./tables.ts";
import { trainingFigures } from "./training-figures.ts";
import { wordFigures, wordTable } from "./word-figures.ts";

export const REPORT_FILE = BESIDE.report;
/** Items whose codes are counted; of a larger catalogue as many, spread evenly. */
const MOST_CODES = 200_000;

/**
 * Draws `report.html` in an index folder from what lies there: the artifact, the log of its training and the last
 * evaluation. What is missing, or belongs to another version, is left out.
 */
export async function writeReport(folder: string): Promise<void> {
  const index = await openIndexDirectory(folder);
  const { manifest } = index;
  const encoded = await index.codes(spreadEvenly(manifest.numItems, MOST_CODES));
  const log = await readIfThere<TrainingLog>(join(folder, TRAINING_LOG_FILE));
  const data = await readIfThere<DataFacts>(join(folder, DATA_FACTS_FILE));
  const last = await readIfThere<EvaluationResult>(join(folder, EVALUATION_FILE));
  const evaluation = last?.version === manifest.version ? last : undefined;
  const sections: Section[] = [];
  if (evaluation) {
    const { heldOut, queries } = evaluation;
    sections.push({
      id: "quality",
      title: "What is found",
      intro:
        `${queries < heldOut ? `${formatCount(queries)} of ` : ""}${counted(heldOut, "held-out query")}, ` +
        `full ranking of all ${counted(evaluation.items, "item")}${onBackend(", computed", evaluation.backend)}.`,
      figures: evaluationFigures(evaluation, countProbed(manifest), manifest.defaultNprobe),
      tables: [evaluationTable(evaluation)],
    });
  }
  if (log) {
    const { backend } = (manifest.training ?? {}) as { backend?: string };
    sections.push({
      id: "training",
      title: "How it was learned",
      ...(backend !== undefined && { intro: `${onBackend("Trained", backend)}.` }),
      figures: trainingFigures(log),
      tables: [],
    });
  }
  const words = await summarizeWords(index);
  if (words) {
    const figures = log?.words ? wordFigures(log.words) : [];
    sections.push({ id: "words", title: "What words add", figures, tables: [wordTable(words)] });
  }
  sections.push(
    { id: "index", title: "What is kept", figures: codeFigures(index, encoded), tables: [] },
    { id: "facts", title: "Data and settings", figures: [], tables: factTables(manifest, data) },
  );
  const name = (manifest.training as { config?: { name?: string } } | undefined)?.config?.name ?? "Index";
  const hint = " Quality on held-out queries is not measured yet: `poeem evaluate --report` adds it.";
  const page: Page = {
    title: name,
    subtitle: `Index version ${manifest.version}.${evaluation ? "" : hint}`,
    highlights: highlights(manifest, log, evaluation),
    sections,
  };
  await writeBytes(join(folder, REPORT_FILE), new TextEncoder().encode(renderPage(page)));
}

function highlights(
  manifest: Manifest,
  log: TrainingLog | undefined,
  evaluation: EvaluationResult | undefined,
): Page["highlights"] {
  const facts = [
    { value: formatCount(manifest.numItems), name: "items" },
    { value: `${bytesPerItem(manifest)} B`, name: `codes per item, ${4 * manifest.dim} B before` },
    { value: formatBytes(chunkBytes(manifest)), name: "the whole artifact" },
  ];
  if (evaluation) {
    const rowsOf = (wanted: RowKind): EvaluationRow[] => evaluation.rows.filter(({ kind }) => kind === wanted);
    const metric = `recallAt${headline(evaluation)}` as const;
    const name = `recall@${headline(evaluation)}`;
    const [dense] = rowsOf("dense");
    const [index, hybrid] = (["index", "hybrid"] as const).map((kind) =>
      rowsOf(kind).find(({ nprobe }) => nprobe === manifest.defaultNprobe),
    );
    if (hybrid) facts.push({ value: formatFigure(hybrid[metric]), name: `${name} by words and codes` });
    if (index)
      facts.push({
        value: formatFigure(index[metric]),
        name: `${name} ${hybrid ? "by codes alone" : "through the index"}, ${formatPercent(index.scanned)} scanned`,
      });
    if (index && dense)
      facts.push({ value: formatPercent(index[metric] / dense[metric]), name: "share of dense brute force's recall" });
  }
  const last = log?.records.at(-1);
  if (last)
    facts.push({
      value: formatSeconds(last.seconds),
      name: `training, ${formatCount(last.examples / last.seconds)} examples/s`,
    });
  return facts;
}

/** An index or a result of an earlier version does not say. */
function onBackend(done: string, backend: string | undefined): string {
  return backend === undefined ? "" : `${done} on TensorFlow.js's ${backend} backend`;
}

/** Undefined when there is no such file. */
async function readIfThere<T>(file: string): Promise<T | undefined> {
  try {
    await access(file);
  } catch {
    return undefined;
  }
  return (await readJson(file)) as T;
}
