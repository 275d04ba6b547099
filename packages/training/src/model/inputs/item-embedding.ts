import { EmbeddingMaps } from "../embedding-maps.ts";
import type { ItemInputModule } from "./input.ts";

/** Vectors of an item that were made elsewhere: what a learned map makes of each column. */
export const itemEmbedding: ItemInputModule = {
  create({ dataset, dim, table, embeddings }) {
    const { vectors } = dataset.items;
    if (vectors.size === 0) return undefined;
    const maps = new EmbeddingMaps("item", vectors, embeddings.items, { ...table, dim });
    return {
      learned: maps.learned,
      read: (items) => maps.read(items),
      weights: () => maps.weights(),
      settle: () => maps.settle(),
    };
  },
  content: ({ vectors }, config, item) => {
    const { embeddings } = config.items;
    if (embeddings.length === 0) return {};
    const rows = embeddings.map((name) => {
      const { length, values } = vectors.get(name)!;
      return [name, values.subarray(item * length, (item + 1) * length)] as const;
    });
    return { embedding: Object.fromEntries(rows) };
  },
};
