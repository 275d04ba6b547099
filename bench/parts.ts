/**
 * What an index finds by each part of a question and by all of them: recall@10 and nDCG@10 over all items by their
 * codes, of validation queries, or with `--test` of those that are held out.
 *
 *     npm run bench:parts -- --config FILE --data DIR --index DIR [--queries 4000] [--test]
 */
import { parseArgs } from "node:util";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower, planQuestion, type Question } from "@poeem/towers";
import { useBackend } from "@poeem/training/backend/backend";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { gather } from "@poeem/training/data/gather";
import { loadData } from "@poeem/training/data/load";
import { rankExhaustively } from "@poeem/training/rank/dense-rank";
import { decodedVectors } from "@poeem/training/rank/index-rank";
import { rankingMetrics } from "@poeem/training/rank/metrics";
import { questionOf } from "@poeem/training/rank/query-encoder";
import { sampleQueries } from "@poeem/training/rank/sample-queries";

const { values: flags } = parseArgs({
  options: {
    config: { type: "string", default: "bench/parts/poeem.config.ts" },
    data: { type: "string" },
    index: { type: "string" },
    queries: { type: "string", default: "4000" },
    test: { type: "boolean", default: false },
  },
});
const { config, directory } = await loadConfig(flags.config);
const dataset = buildDataset(
  await loadData(config, directory, flags.data === undefined ? {} : { data: flags.data }),
  config,
);
await useBackend("auto", () => undefined);
const index = await openIndexDirectory(flags.index!);
const { dim } = index.manifest;
const tower = openQueryTower((await index.queryTower())!);
const items = await decodedVectors(index, [...dataset.ids]);
const queries = sampleQueries(flags.test ? dataset.test : dataset.validation, Number(flags.queries));

const PARTS: Readonly<Record<string, (question: Question<number>) => Question<number>>> = {
  "the history alone": ({ history }) => ({ history }),
  "without the history": ({ history: _, ...others }) => others,
  everything: (question) => question,
};
for (const [name, partOf] of Object.entries(PARTS)) {
  const encode = (query: number) => {
    const question = partOf(questionOf(queries, dataset, query));
    if (Object.values(question).every((part) => part === undefined)) return undefined;
    const { read, embed } = planQuestion(tower, dim, question);
    return embed(gather(items, read, dim));
  };
  const ranked = await rankExhaustively(encode, { items, dim, k: 10, seen: queries.histories });
  const { recallAt10, ndcgAt10 } = rankingMetrics(ranked, queries.relevant);
  console.log(`${name.padEnd(20)} recall@10 ${recallAt10.toFixed(4)}  nDCG@10 ${ndcgAt10.toFixed(4)}`);
}
console.log(`${queries.count} queries`);
