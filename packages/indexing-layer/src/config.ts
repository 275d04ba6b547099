import { expectInteger, expectNumber, expectOneOf, fail } from "./errors.ts";

/** How the rotation R before the product quantizer comes about. */
export const rotations = ["none", "opq", "givens", "opq+givens"] as const;
export type Rotation = (typeof rotations)[number];

/** How the centroids follow the items: by the optimizer (distortion loss) or by moving averages (EMA). */
export const codebookUpdates = ["gradient", "ema"] as const;
export type CodebookUpdate = (typeof codebookUpdates)[number];

/** How gradients pass the quantizer on their way to the item tower. */
export const estimators = ["straight-through", "rotation-trick"] as const;
export type Estimator = (typeof estimators)[number];

export const pairings = ["random", "greedy", "steepest"] as const;
export type Pairing = (typeof pairings)[number];

export const angles = ["exact", "gradient"] as const;
export type Angle = (typeof angles)[number];

/** Givens coordinate descent (Jiang et al., ICLR 2022, arXiv 2203.05082). */
export interface GivensConfig {
  /** Which disjoint pairs of axes turn in one update. */
  pairing: Pairing;
  /** The best angle of each pair in closed form, or a step along the gradient. */
  angle: Angle;
  /** Share of the exact angle that is taken, or the learning rate of the gradient step. */
  stepSize: number;
  /** Passes of pair choice and turning in one update. */
  sweeps: number;
  /** Steps between two updates. */
  every: number;
  /** Decay of the moving average of the correlation between items and quantized items; 0 = this batch alone. */
  decay: number;
}

export interface IndexingLayerConfig {
  /** Vector size. */
  dim: number;
  /** Coarse centroids (cells); 0 = plain product quantization. */
  nlist: number;
  /** Sub-quantizers M; `dim` must be divisible by it. */
  numSubQuantizers: number;
  /** Bits of one code: 4 or 8, so 16 or 256 centroids a sub-quantizer. */
  nbits: 4 | 8;
  /** Steps at the start in which items pass unchanged. */
  warmupSteps: number;
  /** Items gathered after the warm-up for the k-means initialisation. */
  bufferSize: number;
  seed: number;
  rotation: Rotation;
  estimator: Estimator;
  codebookUpdate: CodebookUpdate;
  /** Which vectors the initial sub-quantizers are fitted to; the original release used "raw" and encoded residuals. */
  initializeOn: "residual" | "raw";
  /** Start of k-means: k-means++ or the original's random balanced assignment. */
  kmeansStart: "kmeans++" | "balanced";
  kmeansIterations: number;
  /** k-means stops when a smaller share of the points changes cell. */
  kmeansChangeThreshold: number;
  /** Alternations of OPQ when `rotation` starts with "opq". */
  opqIterations: number;
  givens: GivensConfig;
  /** Decay of the EMA codebook update. */
  emaDecay: number;
  /** Steps between two looks for dead centroids; 0 = never. */
  restartEvery: number;
  /** A centroid is dead when it is used less than this share of its uniform share. */
  restartThreshold: number;
  /** Losses are sums over dimensions, and over the batch either a sum (the original) or a mean. */
  reduction: "sum" | "mean";
  distortionWeight: number;
  commitmentWeight: number;
  /** Weight of the residual's part parallel to the item (ScaNN); 1 = plain distortion. */
  anisotropicEta: number;
  balanceWeight: number;
  /** Softness of the assignment that the balance loss sees, as a share of the mean squared distance. */
  balanceTemperature: number;
  /** Weight of the dense -> quantized distillation when `queries` are given to `call`. */
  distillationWeight: number;
  /** Weight of the query-side routing loss when `queries` are given to `call`. */
  routingWeight: number;
  /** Scale of the inner products inside distillation and routing. */
  scoreScale: number;
  routingScale: number;
}

export type Preset = "default" | "poeem";

/** What the constructor takes: the shape, and anything else that should differ from the preset. */
export type IndexingLayerOptions = Partial<Omit<IndexingLayerConfig, "givens">> &
  Pick<IndexingLayerConfig, "dim" | "nlist" | "numSubQuantizers" | "nbits"> & {
    givens?: Partial<GivensConfig>;
    preset?: Preset;
  };

const defaults: Omit<IndexingLayerConfig, "dim" | "nlist" | "numSubQuantizers" | "nbits"> = {
  warmupSteps: 1024,
  bufferSize: 8192,
  seed: 1,
  rotation: "opq+givens",
  estimator: "straight-through",
  codebookUpdate: "ema",
  initializeOn: "residual",
  kmeansStart: "kmeans++",
  kmeansIterations: 25,
  kmeansChangeThreshold: 1e-2,
  opqIterations: 5,
  givens: { pairing: "greedy", angle: "exact", stepSize: 0.1, sweeps: 1, every: 1, decay: 0.9 },
  emaDecay: 0.9,
  restartEvery: 500,
  restartThreshold: 0.02,
  reduction: "mean",
  distortionWeight: 1,
  commitmentWeight: 10,
  anisotropicEta: 1,
  balanceWeight: 0,
  balanceTemperature: 0.1,
  distillationWeight: 0.25,
  routingWeight: 0.1,
  scoreScale: 30,
  routingScale: 10,
};

/** The original release: gradient-trained codebooks, no rotation, no commitment, k-means from balanced cells. */
const poeem: Partial<IndexingLayerConfig> = {
  rotation: "none",
  codebookUpdate: "gradient",
  initializeOn: "raw",
  kmeansStart: "balanced",
  kmeansIterations: 100,
  restartEvery: 0,
  reduction: "sum",
  commitmentWeight: 0,
  distillationWeight: 0,
  routingWeight: 0,
};

const presets: Record<Preset, Partial<IndexingLayerConfig>> = { default: {}, poeem };

/**
 * Fills the options up from their preset and checks every one of them.
 * @throws Error naming the first option at fault.
 */
export function resolveConfig(options: IndexingLayerOptions): IndexingLayerConfig {
  const { preset = "default", givens, ...rest } = options;
  expectOneOf("preset", preset, Object.keys(presets) as Preset[]);
  const known = new Set(["dim", "nlist", "numSubQuantizers", "nbits", ...Object.keys(defaults)]);
  for (const key of Object.keys(rest)) if (!known.has(key)) fail("config", "known options only", `"${key}"`);
  for (const key of Object.keys(givens ?? {})) {
    if (!(key in defaults.givens)) fail("givens", "known options only", `"${key}"`);
  }
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const config = {
    ...defaults,
    ...presets[preset],
    ...given,
    givens: { ...defaults.givens, ...givens },
  } as IndexingLayerConfig;
  checkConfig(config);
  return config;
}

function checkConfig(c: IndexingLayerConfig): void {
  expectInteger("dim", c.dim, 1);
  expectInteger("nlist", c.nlist, 0);
  expectInteger("numSubQuantizers", c.numSubQuantizers, 1);
  if (c.dim % c.numSubQuantizers !== 0) {
    fail("dim", `a multiple of numSubQuantizers (${c.numSubQuantizers})`, c.dim);
  }
  expectOneOf("nbits", c.nbits, [4, 8]);
  expectInteger("warmupSteps", c.warmupSteps, 0);
  expectInteger("bufferSize", c.bufferSize, 1);
  if (c.nlist > c.bufferSize) fail("nlist", `at most bufferSize (${c.bufferSize})`, c.nlist);
  if (1 << c.nbits > c.bufferSize) fail("bufferSize", `at least 2^nbits (${1 << c.nbits})`, c.bufferSize);
  expectInteger("seed", c.seed, 0, 0xffffffff);
  expectOneOf("rotation", c.rotation, rotations);
  if (c.rotation.includes("givens") && c.dim < 2) fail("dim", "at least 2 for a Givens rotation", c.dim);
  expectOneOf("estimator", c.estimator, estimators);
  expectOneOf("codebookUpdate", c.codebookUpdate, codebookUpdates);
  expectOneOf("initializeOn", c.initializeOn, ["residual", "raw"]);
  expectOneOf("kmeansStart", c.kmeansStart, ["kmeans++", "balanced"]);
  expectInteger("kmeansIterations", c.kmeansIterations, 1);
  expectNumber("kmeansChangeThreshold", c.kmeansChangeThreshold, 0, 1);
  expectInteger("opqIterations", c.opqIterations, 1);
  expectOneOf("givens.pairing", c.givens.pairing, pairings);
  expectOneOf("givens.angle", c.givens.angle, angles);
  expectNumber("givens.stepSize", c.givens.stepSize, 0);
  expectInteger("givens.sweeps", c.givens.sweeps, 1);
  expectInteger("givens.every", c.givens.every, 1);
  expectNumber("givens.decay", c.givens.decay, 0, 1);
  expectNumber("emaDecay", c.emaDecay, 0, 1);
  expectInteger("restartEvery", c.restartEvery, 0);
  expectNumber("restartThreshold", c.restartThreshold, 0, 1);
  expectOneOf("reduction", c.reduction, ["sum", "mean"]);
  for (const key of [
    "distortionWeight",
    "commitmentWeight",
    "balanceWeight",
    "distillationWeight",
    "routingWeight",
  ] as const) {
    expectNumber(key, c[key], 0);
  }
  expectNumber("anisotropicEta", c.anisotropicEta, 0);
  expectNumber("balanceTemperature", c.balanceTemperature, 1e-6);
  expectNumber("scoreScale", c.scoreScale, 0);
  expectNumber("routingScale", c.routingScale, 0);
}
