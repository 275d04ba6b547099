import { type ItemInputWeights, type QueryInputWeights, readQueryTower, type TowerWeights } from "@poeem/towers";
import type { Facts } from "./facts.ts";

/** @param bytes of a query tower, not of its chunk */
export function queryTowerFacts(bytes: Uint8Array): Facts {
  const tower = readQueryTower(bytes);
  return { bytes: bytes.length, textFeatures: 0, ...towerFacts(tower), textTable: `${tower.width} dimensions, int8` };
}

/** What a tower reads, and its shape. */
export function towerFacts({ width, inputs, layers, skip }: TowerWeights<QueryInputWeights | ItemInputWeights>): Facts {
  return {
    dimensions: width,
    ...Object.assign({}, ...inputs.map(inputFacts)),
    layers: layers.map(({ inputDim, outputDim }) => `${inputDim} → ${outputDim}`),
    skipConnection: layers.length > 0 ? skip : undefined,
  };
}

function inputFacts(input: QueryInputWeights | ItemInputWeights): Facts {
  switch (input.kind) {
    case "text": {
      const { minGram, maxGram, maxChars } = input.tokenizer;
      return {
        textFeatures: input.table.hashes.length,
        tokenizer: `n-grams of ${minGram} to ${maxGram}, at most ${maxChars} characters`,
      };
    }
    case "history":
      return {
        history: `${input.form}, the newest ${input.length} items`,
        mixtureScale: input.form === "mixture" ? input.scale : undefined,
        partitionTerms: input.partition?.bias.length,
      };
    case "context":
      return {
        contextValues: input.names.length,
        contexts: [...new Set(input.names.map((name) => name.slice(0, name.indexOf("\t"))))],
      };
    case "category":
      return { categories: input.names.length };
    case "number":
      return { numbers: input.columns.map(({ name }) => name) };
    case "known":
      return { items: input.ids.length };
  }
}
