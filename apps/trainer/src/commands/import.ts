import { naming, UserError } from "@poeem/offline/errors";
import { readBytes } from "@poeem/offline/files";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { counted, formatCount } from "@poeem/offline/progress";
import { readPoeemIndex } from "@poeem/pq-core/interop";
import { writeArtifact } from "@poeem/pq-core/write";
import { readItemValues, type ValueColumns } from "@poeem/training/encode/item-values";
import { report } from "../print.ts";

export interface ImportOptions extends ValueColumns {
  from: "poeem";
  out: string;
  metric: "innerProduct" | "cosine" | "l2";
  items?: string;
  json?: boolean;
}

/** `poeem import --from poeem FILE`: an index file of the original Poeem library becomes an index folder. */
export async function importIndex(file: string, options: ImportOptions): Promise<void> {
  const { out, metric, items, json } = options;
  await checkIndexTarget(out);
  const given = (["title", "fields", "facets", "numbers"] as const).find((name) => options[name] !== undefined);
  if (items === undefined && given !== undefined) throw new UserError(`--${given}: expected --items beside it`);
  const { input, ...read } = await naming(file, async () => readPoeemIndex(await readBytes(file), metric));
  const values = items === undefined ? undefined : await readItemValues(items, options, [...input.ids]);
  const { unknown = 0, without = 0, ...columns } = values ?? {};
  const artifact = await writeArtifact({ ...input, ...columns, training: { importedFrom: "poeem", ...read } });
  await writeIndexDirectory(out, artifact);
  const { version, manifest } = artifact;
  const { norms, numUnsearchable: unsearchable } = read;
  const facts = { out, version, items: manifest.numItems, unsearchable, metric, norms };
  const line = (count: number, words: string): string => (count === 0 ? "" : `${formatCount(count)} ${words}\n`);
  report(
    json,
    values === undefined ? facts : { ...facts, unknownRows: unknown, itemsWithoutRow: without },
    line(unsearchable, "items of norm 0 are left out, as Poeem leaves them out of its search") +
      line(unknown, `rows of ${items} are of items that are not in the index; they are not used`) +
      line(without, `items have no row in ${items}, and so no values`) +
      `index ${version} in ${out}: ${counted(facts.items, "item")}, searched by ${metric}; ` +
      `the file's norm column held ${norms} and is not used`,
  );
}
