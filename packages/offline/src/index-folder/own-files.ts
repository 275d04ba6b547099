import { type Dirent, existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { FORMAT, MAX_MANIFEST_BYTES } from "@poeem/pq-core/write";
import { readRegular } from "../files.ts";

export const MANIFEST = "manifest.json";

/** What lies in an index folder beside the artifact, and is not published: names below the folder. */
export const BESIDE = {
  report: "report.html",
  evaluation: "model/evaluation.json",
  trainingLog: "model/training-log.json",
  dataFacts: "model/data-facts.json",
  itemTower: "model/item-tower.bin",
  itemVectors: "model/item-vectors.f32",
} as const;

const OWN: ReadonlySet<string> = new Set([MANIFEST, ...Object.values(BESIDE)]);
const CHUNK = /^[a-z-]+-\d+-[0-9a-f]{16}\.bin$/;
/** What a killed `writeBytes` leaves. */
const UNFINISHED = /\.\d+\.tmp$/;

/** Files and folders in an index folder that no command puts there, as paths below it; folders end in a slash. */
export async function strangersIn(folder: string): Promise<string[]> {
  const pathOf = (entry: Dirent, below = ""): string => `${below}${entry.name}${entry.isDirectory() ? "/" : ""}`;
  const paths: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name !== "model" || !entry.isDirectory()) paths.push(pathOf(entry));
    else
      for (const inner of await readdir(join(folder, "model"), { withFileTypes: true }))
        paths.push(pathOf(inner, "model/"));
  }
  return paths.filter((path) => !CHUNK.test(path) && !OWN.has(path.replace(UNFINISHED, ""))).sort();
}

/** Whether the folder's manifest is one of an index, be it damaged; web pages have a file of this name too. */
export async function hasIndexManifest(folder: string): Promise<boolean> {
  const file = join(folder, MANIFEST);
  if (!existsSync(file)) return false;
  // What is larger, or no file at all, is none.
  const bytes = await readRegular(file, MAX_MANIFEST_BYTES).catch(() => undefined);
  return bytes !== undefined && Buffer.from(bytes.buffer).includes(`"format":"${FORMAT}"`);
}
