import { EmbeddingMaps } from "../embedding-maps.ts";
import type { QueryInputFactory } from "./input.ts";

/** The vectors of a query's text: what a learned map makes of each; nothing for a text without any. */
export const queryEmbedding: QueryInputFactory = ({ config, dataset, dim, table, embeddings }) => {
  const { queryVectors, train, ownSentences, eventQuery } = dataset;
  if (queryVectors === undefined) return undefined;
  const { rowOf, columns } = queryVectors;
  const maps = new EmbeddingMaps("query", columns, embeddings.queries, { ...table, dim });
  const { encoder } = config.queries;
  const rows = Int32Array.from([...train.texts, ...ownSentences.texts], (text) => rowOf.get(text) ?? -1);
  return {
    learned: maps.learned,
    read(batch) {
      if ("events" in batch) return maps.read(Int32Array.from(batch.events, (event) => rows[eventQuery[event]!]!));
      const { set, numbers } = batch;
      return maps.read(Int32Array.from(numbers, (number) => rowOf.get(set.texts[number]!) ?? -1));
    },
    weights: () => maps.weights(encoder),
    settle: () => maps.settle(),
  };
};
