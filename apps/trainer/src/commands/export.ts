import { UserError } from "@poeem/offline/errors";
import { writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { counted, formatCount } from "@poeem/offline/progress";
import { writeFaissIndex } from "@poeem/pq-core/interop";
import { decodedSquares } from "@poeem/pq-core/write";
import { report, say } from "../print.ts";
import { sayOwnSpace } from "./own-space.ts";

export interface ExportOptions {
  index: string;
  to: "faiss";
  json?: boolean;
}

/** `poeem export --to faiss FILE`: an index folder becomes a file for Faiss's `read_index`. */
export async function exportIndex(file: string, options: ExportOptions): Promise<void> {
  const index = await openIndexDirectory(options.index);
  const { manifest, codebook } = index;
  const ordinals = Uint32Array.from({ length: manifest.numItems }, (_, i) => i);
  const encoded = await index.codes(ordinals);
  // Faiss knows integers only: items with string ids get their ordinal, and the ids go into a file beside it, a line
  // each.
  const named = manifest.idType === "string";
  const ids = (await index.items(ordinals)).map(({ id }) => id);
  const numeric = named ? ordinals : BigUint64Array.from(ids, BigInt);
  if (codebook.metric === "cosine")
    throw new UserError(
      `${options.index}: Faiss has no index for cosine over decoded vectors; expected innerProduct or l2`,
    );
  const squares = encoded.terms && decodedSquares(codebook, encoded.assignments, encoded.codes);
  if (encoded.terms?.some((term, i) => term !== Math.fround(squares![i]!)))
    say(`${options.index}: Faiss finds less than this index: it has no place for what the terms of its items hold`);
  await sayOwnSpace(index, file, "Faiss cannot map");
  if (codebook.cellSpread)
    say(
      `${options.index}: Faiss finds less with the same nprobe: it visits cells in the order of their centroids alone`,
    );
  const bytes = writeFaissIndex({ codebook, ...encoded, ids: numeric, nprobe: manifest.defaultNprobe });
  await writeBytes(file, bytes);
  const idsFile = named ? `${file}.ids.txt` : null;
  if (idsFile) await writeBytes(idsFile, new TextEncoder().encode(ids.map((id) => `${id}\n`).join("")));
  const facts = { file, idsFile, bytes: bytes.length, items: manifest.numItems };
  const idsNote = idsFile ? `; line i of ${idsFile} is the id of Faiss's id i` : "";
  const sizes = `${counted(facts.items, "item")}, ${formatCount(facts.bytes)} bytes`;
  report(options.json, facts, `${file}: ${sizes}${idsNote}`);
}
