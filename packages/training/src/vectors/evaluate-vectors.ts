import { UserError } from "@poeem/offline/errors";
import { silentProgress, withProgress } from "@poeem/offline/progress";
import { countProbed, type Index } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/towers";
import type { Backend } from "../backend/names.ts";
import type { PoeemConfig } from "../config.ts";
import { toCsr } from "../data/csr.ts";
import { gather, spreadEvenly } from "../data/gather.ts";
import { hashOf } from "../data/hash.ts";
import { checkData, type Names, trainedConfig } from "../evaluate/check-split.ts";
import { changedSince, filledCells, measureAll } from "../evaluate/evaluation.ts";
import type { RankingOptions } from "../evaluate/options.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import { rankingMetrics } from "../rank/metrics.ts";
import { searchExactly } from "./exact-search.ts";
import { type StreamedItems, sampleItems, withVectors } from "./load-vectors.ts";
import { scaled } from "./space.ts";

/** Places that count: the exact search's first. */
const PLACES = 10;

export interface EvaluateVectorsOptions {
  readonly config: PoeemConfig;
  readonly directory: string;
  readonly index: Index;
  readonly names: Names;
  readonly options: RankingOptions;
  readonly backend: Backend;
  readonly started: number;
}

/** What is asked: vectors as they were given, and the number of the item that each is, or −1. */
interface Asked {
  readonly vectors: Float32Array;
  readonly own: Int32Array;
  readonly count: number;
  /** Queries that could have been asked. */
  readonly of: number;
}

/**
 * Ranks held-out sample queries, or items where there are none, by exact search of the vectors that were given and by
 * the index at several nprobe. What is to be found are the ten items that exact search finds: recall@10 is the overlap
 * with them.
 * @throws UserError for an index of other data, and for what needs all vectors in memory
 */
export function evaluateVectors(of: EvaluateVectorsOptions): Promise<EvaluationResult> {
  if (of.options.afterwards !== undefined)
    throw new UserError("--afterwards is for indexes that were trained on events or texts, got one of vectors alone");
  return withVectors(of.config, of.directory, of.options, (streamed) => evaluateStreamed(of, streamed));
}

async function evaluateStreamed(
  { config, index, names, options, backend, started }: EvaluateVectorsOptions,
  streamed: StreamedItems,
): Promise<EvaluationResult> {
  const { manifest } = index;
  const { seed } = config.training;
  const { vectors, ids } = streamed;
  const { length } = vectors;
  const most = options.all ? Number.POSITIVE_INFINITY : options.queries;
  const { sample, hashes } = await sampleItems(streamed, streamed.heldOut ? 1 : Math.min(most, vectors.count), seed);
  checkData(manifest, { hash: hashOf(hashes), hashes }, config, names);
  const metric = trainedConfig(manifest)?.index.metric ?? "cosine";
  const asked = streamed.heldOut
    ? askHeldOut(streamed.heldOut.values, length, most)
    : { vectors: sample.vectors, own: sample.items, count: sample.items.length, of: vectors.count };
  const { startProgress = silentProgress } = options;
  const exact = await withProgress(startProgress("exact search", vectors.count, "items"), () =>
    searchExactly(vectors, metric, scaled(asked.vectors.slice(), { length, metric }), asked.own, PLACES),
  );
  const tower = openQueryTower((await index.queryTower())!);
  const relevant = toCsr(exact);
  const rows = await measureAll({
    index,
    ids: [...ids],
    dense: undefined,
    encode: (query) => {
      const embedding = asked.vectors.subarray(query * length, (query + 1) * length);
      return { vectors: [tower.embed({ embedding }) as Float32Array] };
    },
    withoutItems: true,
    encodeFor: () => Promise.reject(new UserError("there are no vectors to make another index of")),
    relevant,
    seen: toCsr(Array.from(asked.own, (item) => (item < 0 ? [] : [item]))),
    unnamed: undefined,
    cutoffs: options.cutoffs,
    baselines: [],
    afterwards: [],
    seed,
    probes: options.nprobe,
    startProgress,
  });
  const dense = {
    ...({ name: "exact search", kind: "dense", bytesPerItem: length * 4, nprobe: null, scanned: 1 } as const),
    ...rankingMetrics(exact, relevant, { cutoffs: options.cutoffs }),
    ...{ overlapAt10: null, recallAt10Unnamed: null },
  };
  const served = rows.find(({ nprobe }) => nprobe === Math.min(manifest.defaultNprobe, filledCells(index)));
  const cells = countProbed(manifest);
  return {
    ...{ index: options.index, version: index.version, items: ids.length, queries: asked.count, heldOut: asked.of },
    ...{ testPairs: relevant.values.length, alsoTrained: { queries: null, pairs: 0 }, unknownQueries: 0 },
    unnamedQueries: null,
    ...(options.cutoffs && { cutoffs: [...new Set(options.cutoffs)].sort((a, b) => a - b) }),
    ...{ cells, emptyCells: cells - filledCells(index) },
    ...(await changedSince(index, [...ids])),
    ...(served && { recallAt10: served.recallAt10 }),
    backend,
    seconds: (performance.now() - started) / 1000,
    rows: [
      ...(options.dense === false ? [] : [dense]),
      ...rows.map((row) => ({ ...row, overlapAt10: row.recallAt10 })),
    ],
  };
}

function askHeldOut(values: Float32Array, length: number, most: number): Asked {
  const of = values.length / length;
  const chosen = spreadEvenly(of, most);
  return {
    vectors: gather(values, chosen, length),
    own: new Int32Array(chosen.length).fill(-1),
    count: chosen.length,
    of,
  };
}
