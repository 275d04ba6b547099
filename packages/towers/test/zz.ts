import type { Index } from "@poeem/pq-core";
import { openQueryTower, questionVectors } from "@poeem/towers";
export async function f(index: Index) {
const tower = openQueryTower((await index.queryTower())!);
const question = { history: ["book:1", "book:7"] };
const query = await questionVectors(index, tower, question);
if (query) await index.search(query.vectors, { k: 10, merge: query.merge, exclude: [...query.exclude] });
}
