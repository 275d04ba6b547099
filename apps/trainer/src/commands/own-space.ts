import { formatCount } from "@poeem/offline/progress";
import type { Index } from "@poeem/pq-core";
import { readQueryTower } from "@poeem/towers";
import { say } from "../print.ts";

/**
 * Says that vectors of the index's own space are meant, where embeddings are mapped into it: a file of those may fit.
 *
 * @param what they are searched by @param otherwise what is to be done with the others
 */
export async function sayOwnSpace(index: Index, what: string, otherwise: string): Promise<void> {
  const lengths = [...new Set(await mappedLengths(index))];
  if (lengths.length === 0) return;
  const dim = formatCount(index.manifest.dim);
  const given = lengths.map(formatCount).join(" or ");
  say(`${what}: vectors of the index's own space, ${dim} numbers; ${otherwise} embeddings of ${given}`);
}

/** Of the embeddings that the query tower does not take as they are. */
async function mappedLengths(index: Index): Promise<number[]> {
  const bytes = await index.queryTower();
  if (!bytes) return [];
  const { dim } = index.manifest;
  try {
    return readQueryTower(bytes).inputs.flatMap((input) =>
      input.kind === "embedding"
        ? input.columns.filter(({ map, length }) => map !== undefined || length !== dim).map(({ length }) => length)
        : [],
    );
  } catch {
    // a tower of another release is not needed for what is said beside
    return [];
  }
}
