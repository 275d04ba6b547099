import { formatCount } from "@poeem/offline/progress";
import type { Index } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/towers";
import { say } from "../print.ts";

/**
 * Says that vectors of the index's own space are meant, where those that it was made of have another length: a file of
 * them may fit by chance.
 *
 * @param what they are searched by @param otherwise what is to be done with the others
 */
export async function sayOwnSpace(index: Index, what: string, otherwise: string): Promise<void> {
  const tower = await index.queryTower();
  const { dim } = index.manifest;
  const lengths = tower ? openQueryTower(tower).reads.embeddings.map(({ length }) => length) : [];
  const others = [...new Set(lengths)].filter((length) => length !== dim);
  if (others.length === 0) return;
  const given = others.map(formatCount).join(" or ");
  say(`${what}: vectors of the index's own space, ${formatCount(dim)} numbers; ${otherwise} embeddings of ${given}`);
}
