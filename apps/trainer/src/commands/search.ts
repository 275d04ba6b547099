import { openQueryTower } from "@poeem/query-tower";
import { openIndexDirectory } from "../artifact/open.ts";
import { UserError } from "../errors.ts";

export interface SearchCommandOptions {
  index: string;
  query: string;
  k: number;
  nprobe?: number;
  json?: boolean;
}

/** `poeem search`: the Worker's answer without a Worker. */
export async function search(options: SearchCommandOptions): Promise<void> {
  const index = await openIndexDirectory(options.index);
  const tower = await index.queryTower();
  if (!tower) throw new UserError(`index ${options.index} has no query tower: it cannot answer text queries`);
  const vector = openQueryTower(tower).embedText(options.query);
  if (vector.every((value) => value === 0))
    throw new UserError(`no word of ${JSON.stringify(options.query)} is known to this index`);
  const found = await index.search(vector, { k: options.k, nprobe: options.nprobe });
  const items = await index.items(found.ordinals);
  const results = items.map(({ id, fields }, i) => ({ id, score: found.scores[i]!, fields }));
  if (options.json) {
    const { listsProbed, codesScanned } = found;
    process.stdout.write(
      `${JSON.stringify({ query: options.query, indexVersion: index.version, listsProbed, codesScanned, results })}\n`,
    );
    return;
  }
  for (const { id, score, fields } of results) {
    process.stdout.write(`${score.toFixed(4)}  ${String(id).padEnd(32)}  ${String(fields?.["title"] ?? "")}\n`);
  }
}
