/** Whether a new version finds as much as the one that serves: the record of a version has its recall. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { readManifestBytes } from "@poeem/offline/index-folder/write";
import { openManifest } from "@poeem/pq-core";
import type { Store } from "./store.ts";
import { readPublished } from "./versions.ts";

/**
 * recall@10 that `poeem evaluate --report` found for the index in this folder, 0 to 1; undefined when it was not run
 * since the last training. Changes over the index leave it as it is: they have no held-out events of their own.
 * @throws UserError for a file that is no evaluation
 */
export async function evaluatedRecall(folder: string): Promise<number | undefined> {
  const file = join(folder, BESIDE.evaluation);
  if (!existsSync(file)) return undefined;
  const { version, recallAt10 } = await readEvaluation(file);
  const trained = await openManifest(await readManifestBytes(folder));
  if (version !== trained.version || recallAt10 === undefined) return undefined;
  if (typeof recallAt10 === "number" && recallAt10 >= 0 && recallAt10 <= 1) return recallAt10;
  throw new UserError(`${file}: recallAt10 expected a number from 0 to 1, got ${String(recallAt10)}`);
}

async function readEvaluation(file: string): Promise<{ version?: unknown; recallAt10?: unknown }> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return typeof value === "object" && value !== null ? value : {};
  } catch (error) {
    throw new UserError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Compares the recall of an index with that of the version that serves, before anything is written.
 *
 * @param recall of the index to publish, from `evaluatedRecall`
 * @param maxLoss share of the serving version's recall that may be lost, 0 to 1
 * @returns what came of it, a sentence for a person
 * @throws UserError when more is lost, or the index was not evaluated
 */
export async function checkRecall(
  store: Store,
  name: string,
  recall: number | undefined,
  maxLoss: number,
): Promise<string> {
  if (recall === undefined) {
    throw new UserError(
      "--max-loss: the index has no recall to compare, `poeem evaluate --report` after `poeem train` measures it " +
        "at the default nprobe; nothing was published",
    );
  }
  const { pointer, versions } = await readPublished(store, name);
  const figure = recall.toFixed(4);
  if (pointer === undefined) return `recall@10 ${figure}: nothing serves as ${name} to compare it with`;
  const before = versions.find(({ version }) => version === pointer.version)?.recallAt10;
  if (before === undefined)
    return `recall@10 ${figure}: version ${pointer.version} serves and was published without one to compare it with`;
  const loss = before === 0 ? 0 : (before - recall) / before;
  const compared = `recall@10 ${figure}, ${before.toFixed(4)} of version ${pointer.version}, which serves`;
  // 0.57 of 0.6 is a loss of 5 %, whatever a division of floats makes of it
  if (loss <= maxLoss + 1e-9) return compared;
  throw new UserError(
    `${name}: ${compared}: lost ${percent(loss)}, at most ${percent(maxLoss)} allowed (--max-loss); ` +
      "nothing was published",
  );
}

const percent = (share: number): string => `${Number((100 * share).toFixed(2))} %`;
