import { Random } from "@poeem/indexing-layer";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { counted, formatCount, type ProgressStarter, withProgress } from "@poeem/offline/progress";
import { writeArtifact } from "@poeem/pq-core/write";
import { type EmbeddingWeights, type TowerWeights, writeQueryTower } from "@poeem/towers";
import { ITEM_TOWER_FILE, itemTowerBytes } from "../artifact/item-tower-file.ts";
import { encodeLearned, type LearnedCodes, learnCodes } from "../codes/learn.ts";
import { type PoeemConfig, withoutSetup } from "../config.ts";
import { filterColumns } from "../data/filter-columns.ts";
import { hashOf } from "../data/hash.ts";
import { fieldKinds, itemFields } from "../data/item-fields.ts";
import type { LoadOptions } from "../data/load.ts";
import type { DataFacts } from "../data/report.ts";
import type { Vectors } from "../data/types.ts";
import type { TrainedIndex } from "../train/trained-index.ts";
import { fitVectors, type VectorConfig } from "./fit-vectors.ts";
import { type StreamedItems, sampleItems, withVectors } from "./load-vectors.ts";
import { dimOf, intoSpace, scaled, spaceMap, type VectorSpace, vectorSpace } from "./space.ts";

export interface TrainVectorsOptions {
  readonly config: PoeemConfig;
  /** Folder of the configuration. */
  readonly directory: string;
  /** Index folder to write. */
  readonly out: string;
  readonly backend: string;
  readonly options: LoadOptions;
  readonly say: (line: string) => void;
  readonly startProgress: ProgressStarter;
  /** When the command began, as `performance.now` has it. */
  readonly started: number;
}

/**
 * Vectors alone → index folder. Rotation, cells and codebooks are learned from a sample; then all vectors are encoded
 * in slices, so that they need not fit into memory. The map into the index's space is its query tower, and its item
 * tower.
 * @throws UserError for what the configuration, the data or the disk is to blame for
 */
export function trainVectors(of: TrainVectorsOptions): Promise<TrainedIndex> {
  return withVectors(of.config, of.directory, of.options, (streamed) => trainStreamed(of, streamed));
}

async function trainStreamed(
  { config: asked, out, backend, say, startProgress, started }: TrainVectorsOptions,
  streamed: StreamedItems,
): Promise<TrainedIndex> {
  const { ids, items, vectors, queries } = streamed;
  const { count, length } = vectors;
  const fitted = fitVectors(asked, count, length);
  const { seed } = fitted.training;
  const { bufferSize, nlist, numSubQuantizers, nbits, nprobe } = fitted.index;
  const { sample: chosen, hashes } = await sampleItems(streamed, bufferSize, seed);
  const sample = chosen.vectors;
  const hash = hashOf(hashes);
  const metric = fitted.index.metric ?? "cosine";
  const [column = ""] = fitted.items.embeddings;
  const dim = dimOf(length, numSubQuantizers, fitted.model.dim);
  const space = await vectorSpace(scaled(sample, { length, metric }), { length, dim, metric }, new Random(seed));
  for (const line of describe(fitted, streamed, space)) say(line);
  const scoreAware = fitted.index.scoreAware ?? true;
  const shape = { dim, nlist, numSubQuantizers, nbits, metric, scoreAware, seed, nprobe };
  const asking = queries && (await intoSpace(space, scaled(queries.values.slice(), space)));
  const learned = await withProgress(startProgress("learn codes", 1, "codebook"), async () =>
    learnCodes(await intoSpace(space, sample), asking, shape, say),
  );
  const index = { ...fitted.index, ...(asked.index.nprobe === undefined && { nprobe: learned.nprobe ?? nprobe }) };
  const config = { ...fitted, index };
  const encoded = await encodeStream(streamed, space, learned, startProgress);
  const artifact = await writeArtifact({
    codebook: learned.codebook,
    ...encoded,
    ids: [...ids],
    fields: itemFields(items),
    ...filterColumns({ items }, config),
    queryTower: writeQueryTower(vectorTower(config.queries.embeddings[0] ?? column, config.queries.encoder, space)),
    defaultNprobe: index.nprobe,
    training: {
      ...{ dataHash: hash, dataHashes: hashes, seed, backend, steps: 0, fieldKinds: fieldKinds(items) },
      config: withoutSetup(config),
    },
  });
  say(`writing the index to ${out}`);
  const weights = vectorTower(column, undefined, space);
  const bytes = await writeIndexDirectory(out, artifact, {
    [ITEM_TOWER_FILE]: itemTowerBytes({ ...learned, weights }),
  });
  say("drawing report.html");
  await (await import("../report/write-report.ts")).writeReport(out);
  const seconds = (performance.now() - started) / 1000;
  return {
    ...{ out, version: artifact.version, items: count, bytes, chunks: artifact.chunks.length, seconds, steps: 0 },
    backend,
    examplesPerSecond: count / seconds,
    data: vectorFacts(streamed, hash),
  };
}

/** Codes and terms of all items, by their numbers. */
async function encodeStream(
  { vectors }: StreamedItems,
  space: VectorSpace,
  learned: LearnedCodes,
  startProgress: ProgressStarter,
) {
  const { count } = vectors;
  const { numSubQuantizers: M } = learned.codebook;
  const assignments = new Uint32Array(count);
  const codes = new Uint8Array(count * M);
  const terms = learned.terms && new Float32Array(count);
  await withProgress(startProgress("encode", count, "items"), async (tick) => {
    let done = 0;
    await vectors.each(async (items, values) => {
      const slice = await encodeLearned(learned, await intoSpace(space, scaled(values, space)));
      items.forEach((item, i) => {
        assignments[item] = slice.assignments[i]!;
        codes.set(slice.codes.subarray(i * M, (i + 1) * M), item * M);
        if (terms) terms[item] = slice.terms![i]!;
      });
      done += items.length;
      await tick(done);
    });
  });
  return { assignments, codes, terms };
}

/** The map from vectors as they are given into the index's space, which is that of queries and of new items. */
function vectorTower(name: string, encoder: string | undefined, space: VectorSpace): TowerWeights<EmbeddingWeights> {
  const { length, dim, metric } = space;
  const column = {
    ...{ name, length, map: spaceMap(space) },
    ...(encoder !== undefined && { encoder }),
    ...(metric !== "cosine" && { unit: false }),
  };
  return { width: dim, inputs: [{ kind: "embedding", columns: [column] }], layers: [], skip: false, unit: false };
}

/** What a person should know of the run, one line each. */
function describe(
  { name, index }: VectorConfig,
  { vectors, queries, heldOut }: StreamedItems,
  space: VectorSpace,
): string[] {
  const { length, dim, metric } = space;
  const { nlist, numSubQuantizers, nbits, bufferSize } = index;
  const asked = queries && queries.values.length / length;
  const held = heldOut ? `, ${formatCount(heldOut.values.length / length)} held out` : "";
  const bytes = (numSubQuantizers * nbits) / 8;
  const cells = formatCount(Math.max(1, nlist));
  return [
    `${name}: ${counted(vectors.count, "item")} with vectors of ${formatCount(length)} numbers, compared by ${metric}` +
      (asked === undefined ? "" : `; ${counted(asked, "sample query")}${held}`),
    ...(dim < length ? [`model.dim ${dim}: the leading components are kept`] : []),
    `codes of ${bytes} bytes in ${cells} cells, learned from ${formatCount(bufferSize)} items`,
  ];
}

/** There are no events, and what a held-out query is to find is not known but by exact search. */
function vectorFacts({ ids, queries, heldOut }: StreamedItems, hash: string): DataFacts {
  const count = (of: Vectors | undefined): number => (of ? of.values.length / of.length : 0);
  return {
    ...{ items: ids.length, events: 0, unknownItems: { count: 0, examples: [] }, hash },
    ...{ trainingEvents: 0, trainingQueries: count(queries), ownSentences: 0 },
    ...{ validationQueries: 0, left: { repeats: 0, withoutHistory: 0 } },
    ...{ testQueries: count(heldOut), testPairs: 0, alsoTrained: { queries: null, pairs: 0 }, unknownQueries: 0 },
  };
}
