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
export async function importIndex(file: string, options: ImportOptions): Promise<void> {
  await checkIndexTarget(options.out);
  const { input, norms, numCentroidsUsed } = readPoeemIndex(await readBytes(file), options.metric);
  const artifact = await writeArtifact({ ...input, training: { importedFrom: "poeem", norms, numCentroidsUsed } });
  await writeIndexDirectory(options.out, artifact);
  const facts = {
    out: options.out,
    version: artifact.version,
    items: artifact.manifest.numItems,
    metric: options.metric,
    norms,
  };
  report(
    options.json,
    facts,
    `index ${facts.version} in ${options.out}: ${formatCount(facts.items)} items, searched by ${options.metric}; ` +
      `the file's norm column held ${norms} and is not used`,
  );
}
