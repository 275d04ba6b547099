import { execFileSync } from "node:child_process";
import { createHash, type Hash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PoeemConfigInput } from "@poeem/training/config";
import type { Peer } from "./peers/peer.ts";
import type { SetKind } from "./sets.ts";
import type { OpenTask } from "./task.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PACKAGES = ["pq-core", "towers", "indexing-layer", "offline", "training"].map((name) => `packages/${name}`);
/** What trains and evaluates, with the versions it asks for. */
const CODE = [...PACKAGES, "apps/trainer"].flatMap((folder) => [`${folder}/src`, `${folder}/package.json`]);

/** What decides what ours learns, beside the data, its size and the seed: the configuration as written and the code. */
export const oursSetup = (config: PoeemConfigInput, { dim, nbits }: SetKind, code: string): string =>
  digest((hash) => hash.update(JSON.stringify({ config, dim: String(dim), nbits: String(nbits), code })));

/** The same of a peer: how its settings are chosen, and the sizes asked for where it has any. */
export const peerSetup = (peer: Peer, { choose, validation }: OpenTask, bytes: readonly number[]): string =>
  digest((hash) => hash.update(JSON.stringify({ choose, validation: validation.count, bytes: peer.sized && bytes })));

/** The data as they were split: what is learned from, and all that is held out. */
export function dataSetup({ numItems, ordered, fit, fitAll, dataset: { validation, test } }: OpenTask): string {
  return digest((hash) => {
    hash.update(JSON.stringify({ numItems, ordered }));
    const lists = [fit, fitAll, ...[validation, test].flatMap(({ histories, relevant }) => [histories, relevant])];
    for (const { offsets, values } of lists) hash.update(offsets).update(values);
  });
}

/** The source at hand, whether it is committed or not; tests and documents have no part in it. */
export function codeVersion(paths: readonly string[] = CODE, root = ROOT): string {
  const git = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ...paths];
  const files = execFileSync("git", git, { cwd: root }).toString().split("\0").filter(Boolean).sort();
  return digest((hash) => {
    for (const file of files) {
      const path = join(root, file);
      if (existsSync(path)) hash.update(`${file}\0`).update(readFileSync(path)).update("\0");
    }
  });
}

function digest(write: (hash: Hash) => void): string {
  const hash = createHash("sha256");
  write(hash);
  return hash.digest("hex").slice(0, 12);
}
