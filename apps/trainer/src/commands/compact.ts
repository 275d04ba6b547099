import { existsSync } from "node:fs";
import { join } from "node:path";
import { readBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { counted, formatCount } from "@poeem/offline/progress";
import { compactArtifact } from "@poeem/pq-core/write";
import { ITEM_TOWER_FILE } from "@poeem/training/artifact/item-tower-file";
import { report } from "../print.ts";

export interface CompactOptions {
  index: string;
  delta?: string;
  out: string;
  json?: boolean;
}

/** `poeem compact`: folds changes into an index of its own, byte for byte as if it had been written anew. */
export async function compact(options: CompactOptions): Promise<void> {
  await checkIndexTarget(options.out);
  const index = await openIndexDirectory(options.index, options.delta);
  const artifact = await compactArtifact(index);
  // The tower can still encode. Vectors before quantization are not kept: encoded items have none.
  const tower = join(options.index, ITEM_TOWER_FILE);
  const extras = existsSync(tower) ? { [ITEM_TOWER_FILE]: await readBytes(tower) } : {};
  const bytes = await writeIndexDirectory(options.out, artifact, extras);
  const { version, manifest } = artifact;
  const facts = { out: options.out, version, items: manifest.numItems, bytes, chunks: artifact.chunks.length };
  const sizes = `${counted(facts.items, "item")}, ${formatCount(bytes)} bytes in ${counted(facts.chunks, "chunk")}`;
  report(options.json, facts, `index ${version} in ${options.out}: ${sizes}`);
}
