import { Random } from "@poeem/indexing-layer";
import type { Artifact, Codebook } from "@poeem/pq-core";
import { createCodebook, decode, type QueryMoments, writeArtifact } from "@poeem/pq-core/write";
import { writeQueryTower } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import type { FilterColumns } from "../data/filter-columns.ts";
import { itemFields } from "../data/item-fields.ts";
import type { RawData } from "../data/load.ts";
import type { TwoTower } from "../model/two-tower.ts";
import type { TrainedModel } from "../train/loop.ts";
import { encodeItems } from "./encode-items.ts";
import type { ItemTowerWeights } from "./item-tower.ts";
import { itemTowerWeights } from "./item-tower-weights.ts";
import { queryMoments } from "./query-moments.ts";
import { sampleQueryVectors } from "./query-sample.ts";
import { compareTowers, exportQueryTower } from "./query-tower.ts";

/** The largest difference between a vector of the exported query tower and the trainer's own that is let through. */
export const TOWER_TOLERANCE = 1e-5;

export interface ExportedModel {
  readonly artifact: Artifact;
  /** Item vectors before quantization, (count, dim), for `evaluate`; not published. */
  readonly itemVectors: Float32Array;
  /** The item tower, for `encode`; not published. */
  readonly itemTower: ItemTowerWeights;
  /** Largest difference of a component between the exported query tower and TensorFlow.js, over the checked queries. */
  readonly towerDifference: number;
}

/** Query vectors whose second moments say which errors of a code matter. */
const QUERIES = 8192;

async function momentsOfTraining(
  model: TwoTower,
  { model: { history }, training: { scale, seed } }: PoeemConfig,
  dataset: Dataset,
  codebook: Codebook,
  items: Float32Array,
): Promise<QueryMoments> {
  const random = new Random(seed);
  const queries = await sampleQueryVectors(model, dataset, items, { count: QUERIES, length: history.length, random });
  return queryMoments(codebook, queries, items, scale, random);
}

/** Turns a trained model into its artifact: codes of all items, codebook, query tower, fields. */
export async function exportModel(
  trained: TrainedModel,
  config: PoeemConfig,
  raw: RawData,
  dataset: Dataset,
  filterColumns: FilterColumns,
  facts: Record<string, unknown>,
): Promise<ExportedModel> {
  const { model, layer } = trained;
  const itemVectors = await model.itemVectors(dataset);
  const codebook = createCodebook({
    ...(await layer.codebook()),
    metric: "innerProduct",
    byResidual: config.index.nlist > 0,
  });
  const moments =
    (config.index.scoreAware ?? model.history !== undefined)
      ? await momentsOfTraining(model, config, dataset, codebook, itemVectors)
      : undefined;
  const { assignments, codes } = await encodeItems(codebook, itemVectors, moments);
  const { queryTower, partitionR2 } = await exportQueryTower(model, config, dataset, () =>
    decode(codebook, assignments, codes),
  );
  const towerDifference = await compareTowers(model, queryTower, dataset, () => decode(codebook, assignments, codes));
  const artifact = await writeArtifact({
    codebook,
    assignments,
    codes,
    ids: [...dataset.ids],
    fields: itemFields(raw.items, config),
    ...filterColumns,
    queryTower: writeQueryTower(queryTower),
    defaultNprobe: Math.min(config.index.nprobe, Math.max(1, config.index.nlist)),
    training: { ...facts, towerDifference, ...(partitionR2 !== undefined && { partitionR2 }), config },
  });
  const itemTower = await itemTowerWeights(model, config, raw, dataset, queryTower, moments);
  return { artifact, itemVectors, itemTower, towerDifference };
}
