import { rangeError } from "../errors.ts";
import { type Artifact, type ArtifactInput, writeRows } from "../format/artifact-writer.ts";
import type { Index } from "../search/pq-index.ts";
import { allOrdinals, joinRows, partsOf, readRows } from "./rows.ts";

/**
 * Folds all changes into a new base: byte for byte what `writeArtifact` makes of the whole catalogue.
 *
 * @param sizes of the chunks, as for `writeArtifact`; an artifact does not keep them
 */
export async function compactArtifact(
  index: Index,
  sizes: Pick<ArtifactInput, "listChunkBytes" | "itemChunkBytes"> = {},
): Promise<Artifact> {
  const { base, delta, removed } = partsOf(index);
  const { idType, defaultNprobe, training, version, numItems, words, queries } = index.manifest;
  const isRemoved = new Set(removed);
  const left = await readRows(
    base,
    allOrdinals(base.manifest).filter((ordinal) => !isRemoved.has(ordinal)),
  );
  const rows = delta === undefined ? left : joinRows(left, await readRows(delta, allOrdinals(delta.manifest)), idType);
  if (rows.ids.length !== numItems) throw rangeError("numItems", String(numItems), rows.ids.length);
  return writeRows({
    codebook: index.codebook,
    ...rows,
    ...sizes,
    cellsPerPage: index.manifest.cellsPerPage,
    wordFacts: words,
    popularQueries: queries,
    queryTower: await index.queryTower(),
    training,
    defaultNprobe,
    previousVersion: version,
  });
}
