import { readQueryTower } from "@poeem/towers";
import type { Facts } from "./facts.ts";

/** @param bytes of a query tower, not of its chunk */
export function queryTowerFacts(bytes: Uint8Array): Facts {
  const { tokenizer, table, layers, skip, history, contexts } = readQueryTower(bytes);
  const names = contexts?.names ?? [];
  return {
    bytes: bytes.length,
    textFeatures: table.hashes.length,
    textTable: `${table.embeddingDim} dimensions, int8`,
    tokenizer:
      table.hashes.length > 0
        ? `n-grams of ${tokenizer.minGram} to ${tokenizer.maxGram}, at most ${tokenizer.maxChars} characters`
        : undefined,
    layers: layers.map(({ inputDim, outputDim }) => `${inputDim} → ${outputDim}`),
    skipConnection: layers.length > 0 ? skip : undefined,
    history: history && `${history.form}, the newest ${history.length} items`,
    mixtureScale: history?.form === "mixture" ? history.scale : undefined,
    partitionTerms: history?.partition?.bias.length,
    contextValues: names.length > 0 ? names.length : undefined,
    contexts: [...new Set(names.map((name) => name.slice(0, name.indexOf("\t"))))],
  };
}
