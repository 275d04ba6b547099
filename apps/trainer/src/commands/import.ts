import { readBytes } from "@poeem/offline/files";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { formatCount } from "@poeem/offline/progress";
import { readPoeemIndex } from "@poeem/pq-core/interop";
import { writeArtifact } from "@poeem/pq-core/write";
import { report } from "../print.ts";

export interface ImportOptions {
  from: "poeem";
  out: string;
  metric: "innerProduct" | "cosine" | "l2";
  json?: boolean;
}

/** `poeem import --from poeem FILE`: an index file of the original Poeem library becomes an index folder. */
export async function importIndex(file: string, { out, metric, json }: ImportOptions): Promise<void> {
  await checkIndexTarget(out);
  const { input, norms, numCentroidsUsed } = readPoeemIndex(await readBytes(file), metric);
  const artifact = await writeArtifact({ ...input, training: { importedFrom: "poeem", norms, numCentroidsUsed } });
  await writeIndexDirectory(out, artifact);
  const facts = { out, version: artifact.version, items: artifact.manifest.numItems, metric, norms };
  report(
    json,
    facts,
    `index ${facts.version} in ${out}: ${formatCount(facts.items)} items, searched by ${metric}; ` +
      `the file's norm column held ${norms} and is not used`,
  );
}
