import { Random } from "@poeem/indexing-layer";
import { BESIDE } from "@poeem/offline/index-folder/own-files";
import { type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import type { Artifact, Codebook } from "@poeem/pq-core";
import { createCodebook, decode, type QueryMoments, writeArtifact } from "@poeem/pq-core/write";
import { writeQueryTower } from "@poeem/towers";
import { byLikeness } from "../codes/cell-order.ts";
import { isTextsWithEmbeddings } from "../config/kinds.ts";
import { type FittedConfig, withoutSetup } from "../config.ts";
import type { FilterColumns } from "../data/filter-columns.ts";
import { fieldKinds, itemFields } from "../data/item-fields.ts";
import type { Catalogue, Dataset, RawData } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";
import type { TrainedModel } from "../train/loop.ts";
import { popularQueries } from "../words/popular-queries.ts";
import type { WeightsChoice } from "../words/weights.ts";
import { embedCatalogue } from "./embed-catalogue.ts";
import { betterCodes, encodeBy, type ItemCodes } from "./finished-codes.ts";
import { type IndexWords, writeWithWords } from "./index-words.ts";
import type { TrainedItemTower } from "./item-tower-file.ts";
import { type FittedPartition, fitPartition } from "./partition.ts";
import { queryMoments } from "./query-moments.ts";
import { sampleQueryVectors } from "./query-sample.ts";
import { compareTowers } from "./query-tower.ts";

/** Where item vectors before quantization lie inside the index folder. Not published. */
export const ITEM_VECTORS_FILE = BESIDE.itemVectors;

/** The largest difference between a vector of the exported query tower and the trainer's own that is let through. */
export const TOWER_TOLERANCE = 1e-5;

export interface ExportedModel {
  readonly artifact: Artifact;
  /** Item vectors before quantization, (count, dim), for `evaluate`; not published. */
  readonly itemVectors: Float32Array;
  /** The item tower, for `encode`; not published. */
  readonly itemTower: TrainedItemTower;
  /** Largest difference of a component between the exported query tower and TensorFlow.js, over the checked queries. */
  readonly towerDifference: number;
  /** What words and codes were weighed by; undefined for an index without words. */
  readonly weights: WeightsChoice | undefined;
}

/** Query vectors whose second moments say which errors of a code matter. */
const QUERIES = 8192;

async function momentsOfTraining(
  model: TwoTower,
  { training: { scale, seed } }: FittedConfig,
  dataset: Dataset,
  codebook: Codebook,
  items: Float32Array,
): Promise<QueryMoments> {
  const random = new Random(seed);
  const queries = await sampleQueryVectors(model, dataset, items, { count: QUERIES, random });
  return queryMoments(codebook, queries, items, scale, random);
}

async function fittedPartition(
  { history, dim }: TwoTower,
  { training: { seed } }: FittedConfig,
  { past }: Catalogue,
  decoded: Float32Array,
  startProgress: ProgressStarter,
): Promise<FittedPartition | undefined> {
  if (history?.form !== "mixture") return undefined;
  const { scale, length } = history;
  const of = { scale, length, components: await history.componentsOf(), histories: past!.items };
  return fitPartition(decoded, dim, of, seed, startProgress);
}

/**
 * Turns a trained model into its artifact: codes of all items, codebook, query tower, fields. Of a sample
 * (`training.sampleItems`) all that is learned of vectors, codebook and moments, is learned of its own; then the item
 * tower embeds all items of the catalogue.
 */
export async function exportModel(
  trained: TrainedModel,
  config: FittedConfig,
  raw: RawData,
  dataset: Dataset,
  filterColumns: FilterColumns,
  facts: Record<string, unknown>,
  startProgress: ProgressStarter = silentProgress,
  say: (line: string) => void = () => undefined,
): Promise<ExportedModel> {
  const { model, layer } = trained;
  const { catalogue = dataset } = dataset;
  const trainedVectors = await withProgress(startProgress("embed", dataset.ids.length, "items"), (tick) =>
    model.itemVectors(dataset.ids.length, tick),
  );
  const learned = await layer.codebook();
  const ofLayer = createCodebook({
    ...learned,
    coarseCentroids: byLikeness(learned.coarseCentroids, learned.dim),
    metric: "innerProduct",
    byResidual: config.index.nlist > 0,
  });
  const joint: ItemCodes = {
    codebook: ofLayer,
    moments:
      (config.index.scoreAware ?? model.history !== undefined)
        ? await momentsOfTraining(model, config, dataset, ofLayer, trainedVectors)
        : undefined,
  };
  const by = isTextsWithEmbeddings(config)
    ? await betterCodes(joint, { model, config, dataset, itemVectors: trainedVectors }, say)
    : joint;
  const { codebook, moments, error } = by;
  const count = catalogue.ids.length;
  // the published tower is that of the end
  if (dataset.catalogue) model.settle();
  const itemVectors = dataset.catalogue
    ? await withProgress(startProgress("embed all", count, "items"), (tick) =>
        embedCatalogue(model, config, catalogue, say, tick),
      )
    : trainedVectors;
  const { assignments, codes } = await withProgress(startProgress("encode", count, "items"), (tick) =>
    encodeBy(by, itemVectors, tick),
  );
  // texts alone read no item
  const decoded = model.history ? decode(codebook, assignments, codes) : new Float32Array(0);
  const fitted = await fittedPartition(model, config, catalogue, decoded, startProgress);
  if (!dataset.catalogue) model.settle();
  const queryTower = await model.queryTower(fitted?.partition);
  const towerDifference = await compareTowers(model, queryTower, catalogue, decoded, startProgress);
  const popular = popularQueries(catalogue, config.index.popularQueries);
  const write = (words: IndexWords | undefined): Promise<Artifact> =>
    writeArtifact({
      codebook,
      assignments,
      codes,
      ids: [...catalogue.ids],
      fields: itemFields(raw.items),
      ...filterColumns,
      ...(words && { words: words.words, wordFacts: words.wordFacts }),
      popularQueries: popular,
      queryTower: writeQueryTower(queryTower),
      defaultNprobe: config.index.nprobe,
      training: {
        ...facts,
        towerDifference,
        ...(fitted && { partitionR2: fitted.r2 }),
        fieldKinds: fieldKinds(raw.items),
        ...(words && { words: words.statistics }),
        config: withoutSetup(config),
      },
    });
  const { artifact, words, choice } = await writeWithWords(catalogue, config, write, say, startProgress);
  return {
    artifact,
    itemVectors,
    itemTower: { weights: await model.itemTower(), moments, error, queries: words?.queries },
    towerDifference,
    weights: choice,
  };
}
