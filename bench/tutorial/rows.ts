import type { IndexingLayerOptions } from "@poeem/indexing-layer";
import type { JointOptions } from "./train.ts";

const shape = { dim: 64, numSubQuantizers: 8, nbits: 8, warmupSteps: 16_384, bufferSize: 8192 } as const;

/** One trained model; the rows of the table are its ways of being searched. */
export interface Model {
  readonly name: string;
  readonly nlist: number;
  /** Absent for the dense model and what is built on it afterwards. */
  readonly layer?: Omit<IndexingLayerOptions, "seed">;
  readonly joint?: JointOptions;
  /** Scoring of the rows reported under this name. */
  readonly scoring: "unit" | "tutorial";
  readonly nprobes: readonly number[];
}

const original: JointOptions = { cosine: true, learningRateFactor: 1 };
const ours: JointOptions = { cosine: false, learningRateFactor: 16 };

/** With few cells a query must find the one right cell; with many, probed by the dozen, a light touch is better. */
const fewCells = { routingWeight: 1, routingScale: 5 };
const manyCells = { routingWeight: 0.1, routingScale: 10 };

/** What was chosen on the settings half of the queries and on other seeds than those reported. */
const chosen = {
  reduction: "sum",
  rotation: "opq+givens",
  opqIterations: 5,
  codebookUpdate: "ema",
  emaDecay: 0.9,
  distortionWeight: 0,
  commitmentWeight: 10,
  distillationWeight: 0.25,
  restartEvery: 0,
} as const;

export const models: readonly Model[] = [
  { name: "dense", nlist: 0, scoring: "unit", nprobes: [1] },
  { name: "ivf-pq", nlist: 8, scoring: "unit", nprobes: [1, 8] },
  { name: "ivf-opq", nlist: 8, scoring: "unit", nprobes: [1, 8] },
  { name: "ivf-opq-64", nlist: 64, scoring: "unit", nprobes: [8, 64] },
  poeem("poeem", 8, [1, 8], original),
  poeem("poeem-64", 64, [8, 64], original),
  {
    name: "ours",
    nlist: 8,
    layer: { ...shape, ...chosen, ...fewCells, nlist: 8 },
    joint: ours,
    scoring: "unit",
    nprobes: [1, 8],
  },
  {
    name: "ours-64",
    nlist: 64,
    layer: { ...shape, ...chosen, ...manyCells, nlist: 64 },
    joint: ours,
    scoring: "unit",
    nprobes: [8, 64],
  },
];

/** Run only when named in --rows: the original at our learning rate, and `ours-64` with one change each. */
export const variants: readonly Model[] = [
  poeem("poeem-rate16", 8, [1, 8], { ...original, learningRateFactor: 16 }),
  poeem("poeem-rate16-64", 64, [8, 64], { ...original, learningRateFactor: 16 }),
  variant("opq-fixed", { rotation: "opq" }),
  variant("givens-only", { rotation: "givens" }),
  variant("restarts", { restartEvery: 500 }),
];

function variant(name: string, change: Partial<IndexingLayerOptions>): Model {
  const layer = { ...shape, ...chosen, ...manyCells, nlist: 64, ...change };
  return { name: `ours-64:${name}`, nlist: 64, layer, joint: ours, scoring: "unit", nprobes: [8, 64] };
}

function poeem(name: string, nlist: number, nprobes: number[], joint: JointOptions): Model {
  return { name, nlist, layer: { ...shape, nlist, preset: "poeem" }, joint, scoring: "tutorial", nprobes };
}
