import {
  type ItemInputWeights,
  inputFacts,
  type QueryInputWeights,
  readQueryTower,
  type TowerWeights,
} from "@poeem/towers";
import type { Facts } from "./facts.ts";

/** @param bytes of a query tower, not of its chunk */
export function queryTowerFacts(bytes: Uint8Array): Facts {
  const { dimensions, ...facts } = towerFacts(readQueryTower(bytes));
  return { bytes: bytes.length, textFeatures: 0, textTable: `${dimensions} dimensions, int8`, contexts: [], ...facts };
}

/** What a tower reads, and its shape. */
export function towerFacts(tower: TowerWeights<QueryInputWeights | ItemInputWeights>): Facts {
  const { width, inputs, layers, skip } = tower;
  return {
    dimensions: width,
    ...Object.assign({}, ...inputs.map(inputFacts)),
    layers: layers.map(({ inputDim, outputDim }) => `${inputDim} → ${outputDim}`),
    skipConnection: layers.length > 0 ? skip : undefined,
  };
}
