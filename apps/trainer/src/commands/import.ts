import { naming } from "@poeem/offline/errors";
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
  const { input, ...read } = await naming(file, async () => readPoeemIndex(await readBytes(file), metric));
  const { norms, numUnsearchable } = read;
  const artifact = await writeArtifact({ ...input, training: { importedFrom: "poeem", ...read } });
  await writeIndexDirectory(out, artifact);
  const { version, manifest } = artifact;
  const facts = { out, version, items: manifest.numItems, unsearchable: numUnsearchable, metric, norms };
  const leftOut =
    numUnsearchable === 0
      ? ""
      : `${formatCount(numUnsearchable)} items of norm 0 are left out, as Poeem leaves them out of its search\n`;
  report(
    json,
    facts,
    `${leftOut}index ${facts.version} in ${out}: ${formatCount(facts.items)} items, searched by ${metric}; ` +
      `the file's norm column held ${norms} and is not used`,
  );
}
