/**
 * What the items' own sentences are worth beside a share of the training queries: recall@10 of item vectors before
 * quantization, by validation queries that are the same for every share.
 *
 *     npm run bench:own-sentences -- --config bench/tldr/poeem.config.ts --data DIR [--epochs 4] [--seed 1] RUN …
 *
 * A RUN is a share of the training queries and whether own sentences are added, as in 0.1:on or 1:off. `--test` shows
 * the recall of the held-out queries, too.
 */
import { parseArgs } from "node:util";
import { createQueryTower, fnv1a32 } from "@poeem/towers";
import { useBackend } from "@poeem/training/backend/backend";
import { loadConfig, type PoeemConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { queryForms } from "@poeem/training/data/query-forms";
import { SIDE } from "@poeem/training/data/side";
import { splitEvents } from "@poeem/training/data/split";
import { type Dictionary, NONE, type RawData } from "@poeem/training/data/types";
import { rankExhaustively } from "@poeem/training/rank/dense-rank";
import { rankingMetrics } from "@poeem/training/rank/metrics";
import { encoderOf } from "@poeem/training/rank/query-encoder";
import { fitConfig } from "@poeem/training/train/fit-config";
import { trainModel } from "@poeem/training/train/loop";

const { values: flags, positionals: runs } = parseArgs({
  options: {
    config: { type: "string", default: "bench/tldr/poeem.config.ts" },
    data: { type: "string" },
    epochs: { type: "string" },
    seed: { type: "string", default: "1" },
    test: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const { config: asked, directory } = await loadConfig(flags.config);
const raw = await loadData(asked, directory, flags.data === undefined ? {} : { data: flags.data });
const forms = queryForms(raw.events.query!);
const sides = splitEvents(raw.events, forms, raw.ids, asked);
await useBackend("auto", () => undefined);

/** The events of a share of the training queries, and all that are held out. */
function shareOf(share: number): RawData {
  const { events } = raw;
  const isKept = Uint8Array.from(forms.values, (form) => Number(fnv1a32(`share\t${form}`) / 2 ** 32 < share));
  const kept = Uint32Array.from(sides.keys()).filter(
    (event) => sides[event] !== SIDE.train || isKept[forms.numbers[event]!],
  );
  const of = ({ values, numbers }: Dictionary): Dictionary => ({
    values,
    numbers: kept.map((e) => numbers[e] ?? NONE),
  });
  const part = { values: ["train", "validation", "test"], numbers: Uint32Array.from(sides) };
  return {
    ...raw,
    events: {
      ...events,
      ...{ count: kept.length, query: of(events.query!), part: of(part), columns: new Map() },
      item: kept.map((event) => events.item[event]!),
    },
  };
}

for (const run of runs) {
  const [share, own] = run.split(":");
  const config: PoeemConfig = structuredClone(asked);
  config.split = { ...config.split, by: "given" };
  Object.assign(config.training, { seed: Number(flags.seed), ownSentences: own === "on", validations: 0 });
  if (flags.epochs !== undefined) config.training.epochs = Number(flags.epochs);
  const dataset = buildDataset(shareOf(Number(share)), config);
  if (dataset.eventItem.length < (config.training.batchSize ?? 0)) delete config.training.batchSize;
  const fitted = fitConfig(config, dataset);
  const started = performance.now();
  const { model } = await trainModel(fitted, dataset);
  const seconds = Math.round((performance.now() - started) / 1000);
  model.text.settle();
  const items = await model.itemVectors();
  const tower = createQueryTower(await model.queryTower());
  const recall: Record<string, number> = {};
  for (const part of flags.test ? (["validation", "test"] as const) : (["validation"] as const)) {
    const set = dataset[part];
    const ranked = await rankExhaustively(encoderOf(tower, set, dataset), {
      ...{ items, dim: model.dim, k: 10, seen: set.histories },
    });
    const { recallAt10, ndcgAt10 } = rankingMetrics(ranked, set.relevant);
    Object.assign(recall, { [part]: recallAt10, [`${part} nDCG`]: ndcgAt10 });
  }
  console.log(
    JSON.stringify({
      ...{ run, seed: flags.seed, events: dataset.behaviour, own: dataset.ownSentences.count },
      ...{ perItem: dataset.behaviour / dataset.ids.length, epochs: fitted.training.epochs, seconds, ...recall },
    }),
  );
}
