/** Whether a new version finds as much as the one that serves: the record of a version has its recall. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readJson } from "@poeem/offline/files";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { readManifestBytes } from "@poeem/offline/index-folder/write";
import { openManifest } from "@poeem/pq-core";
import type { Store } from "./store.ts";
import { readPublished, type VersionRecord } from "./versions.ts";

export interface Recall {
  /** 0 to 1. */
  readonly recallAt10: number;
  /** Over how many queries it was measured. */
  readonly recallQueries: number;
}

/** Figures of so few queries, as a share of the other's, are not compared: chance decides. */
const LEAST_QUERIES = 0.5;

/** What the record of a version remembers of its recall. */
export function recallOf(record: VersionRecord | undefined): Recall | undefined {
  const { recallAt10, recallQueries } = record ?? {};
  return recallAt10 === undefined || recallQueries === undefined ? undefined : { recallAt10, recallQueries };
}

/**
 * recall@10 that `poeem evaluate --report` found for the index in this folder, 0 to 1; undefined when it was not run
 * since the last training. Changes over the index leave it as it is: they have no held-out events of their own.
 * @throws UserError for a file that is no evaluation
 */
export async function evaluatedRecall(folder: string): Promise<Recall | undefined> {
  const file = join(folder, BESIDE.evaluation);
  if (!existsSync(file)) return undefined;
  const { version, recallAt10, queries } = await readEvaluation(file);
  const trained = await openManifest(await readManifestBytes(folder));
  if (version !== trained.version || recallAt10 === undefined) return undefined;
  if (!(typeof recallAt10 === "number" && recallAt10 >= 0 && recallAt10 <= 1))
    throw new UserError(`${file}: recallAt10 expected a number from 0 to 1, got ${String(recallAt10)}`);
  if (!(Number.isInteger(queries) && (queries as number) > 0))
    throw new UserError(`${file}: queries expected a whole number above 0, got ${String(queries)}`);
  return { recallAt10, recallQueries: queries as number };
}

async function readEvaluation(file: string): Promise<{ version?: unknown; recallAt10?: unknown; queries?: unknown }> {
  const value = await readJson(file);
  return typeof value === "object" && value !== null ? value : {};
}

/**
 * Compares the recall of an index with that of the version that serves, before anything is written.
 *
 * @param recall of the index to publish, from `evaluatedRecall`
 * @param maxLoss share of the serving version's recall that may be lost, 0 to 1; with 1 a version may serve of which no
 *   recall is known
 * @returns what came of it, a sentence for a person
 * @throws UserError when more is lost, when the index was not evaluated, or when the version that serves has no figure
 *   of about as many queries
 */
export async function checkRecall(
  store: Store,
  name: string,
  recall: Recall | undefined,
  maxLoss: number,
): Promise<string> {
  if (recall === undefined) {
    throw new UserError(
      "--max-loss: the index has no recall to compare, `poeem evaluate --report` after `poeem train` measures it " +
        "at the default nprobe; nothing was published",
    );
  }
  const { pointer, versions } = await readPublished(store, name);
  const figure = recall.recallAt10.toFixed(4);
  if (pointer === undefined) return `recall@10 ${figure}: nothing serves as ${name} to compare it with`;
  const serving = recallOf(versions.find(({ version }) => version === pointer.version));
  const compared = serving
    ? `recall@10 ${figure}, ${serving.recallAt10.toFixed(4)} of version ${pointer.version}, which serves`
    : `recall@10 ${figure}, none is known of version ${pointer.version}, which serves`;
  if (maxLoss >= 1) return compared;
  if (serving === undefined)
    throw new UserError(
      `${name}: ${compared}: if it was published just now, wait a minute; if without an evaluation, --max-loss 1 ` +
        "publishes this one; nothing was published",
    );
  const counts = [recall.recallQueries, serving.recallQueries];
  if (Math.min(...counts) < LEAST_QUERIES * Math.max(...counts))
    throw new UserError(
      `${name}: ${compared}: ${counts[0]} queries against ${counts[1]}, too unlike to compare; ` +
        "`poeem evaluate --report` with the same --queries, or --max-loss 1; nothing was published",
    );
  const before = serving.recallAt10;
  const loss = before === 0 ? 0 : (before - recall.recallAt10) / before;
  // 0.57 of 0.6 is a loss of 5 %, whatever a division of floats makes of it
  if (loss <= maxLoss + 1e-9) return compared;
  throw new UserError(
    `${name}: ${compared}: lost ${percent(loss)}, at most ${percent(maxLoss)} allowed (--max-loss); ` +
      "nothing was published",
  );
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
