import { expectInteger, expectNumber, expectOneOf, fail } from "./errors.ts";
import { LOSS_DEFAULTS, type LossOption, type LossOptions } from "./losses/index.ts";

/** How the rotation R before the product quantizer comes about. */
export const ROTATIONS = ["none", "opq", "givens", "opq+givens"] as const;
export type Rotation = (typeof ROTATIONS)[number];

/** How the centroids follow the items: by the optimizer (distortion loss) or by moving averages (EMA). */
export const CODEBOOK_UPDATES = ["gradient", "ema"] as const;
export type CodebookUpdate = (typeof CODEBOOK_UPDATES)[number];

/** Givens coordinate descent (Jiang et al., ICLR 2022, arXiv 2203.05082). */
export interface GivensConfig {
  /** Share of each pair's best angle that is taken. */
  stepSize: number;
  /** Steps between two updates. */
  every: number;
  /** Decay of the moving average of the correlation between items and quantized items; 0 = this batch alone. */
  decay: number;
}

/** Beside these, the options of the losses (src/losses). */
export interface IndexingLayerConfig extends LossOptions {
  /** Vector size. */
  dim: number;
  /** Coarse centroids (cells); 0 = plain product quantization. */
  nlist: number;
  /** Sub-quantizers M; `dim` must be divisible by it. */
  numSubQuantizers: number;
  /** Bits of one code: 4 or 8, so 16 or 256 centroids per sub-quantizer. */
  nbits: 4 | 8;
  /** Steps at the start in which items pass unchanged. */
  warmupSteps: number;
  /** Items gathered after the warm-up for the k-means initialisation. */
  bufferSize: number;
  seed: number;
  rotation: Rotation;
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
}

/** poeem: as the original release. */
export type Preset = "default" | "poeem";

/** What the constructor takes: the shape, and anything else that should differ from the preset. */
export type IndexingLayerOptions = Partial<Omit<IndexingLayerConfig, "givens">> &
  Pick<IndexingLayerConfig, "dim" | "nlist" | "numSubQuantizers" | "nbits"> & {
    givens?: Partial<GivensConfig>;
    preset?: Preset;
  };

const DEFAULTS: Omit<IndexingLayerConfig, "dim" | "nlist" | "numSubQuantizers" | "nbits"> = {
  warmupSteps: 1024,
  bufferSize: 8192,
  seed: 1,
  rotation: "opq+givens",
  codebookUpdate: "ema",
  initializeOn: "residual",
  kmeansStart: "kmeans++",
  kmeansIterations: 25,
  kmeansChangeThreshold: 1e-2,
  opqIterations: 5,
  givens: { stepSize: 0.1, every: 1, decay: 0.9 },
  emaDecay: 0.9,
  restartEvery: 500,
  restartThreshold: 0.02,
  reduction: "mean",
  ...LOSS_DEFAULTS,
};

/** The original release: gradient-trained codebooks, no rotation, no commitment, k-means from balanced cells. */
const POEEM: Partial<IndexingLayerConfig> = {
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

const PRESETS: Record<Preset, Partial<IndexingLayerConfig>> = { default: {}, poeem: POEEM };

/**
 * Fills the options up from their preset and checks every one of them.
 * @throws InputError naming the first option at fault.
 */
export function resolveConfig(options: IndexingLayerOptions): IndexingLayerConfig {
  const { preset = "default", givens, ...rest } = options;
  expectOneOf("preset", preset, Object.keys(PRESETS) as Preset[]);
  const known = new Set(["dim", "nlist", "numSubQuantizers", "nbits", ...Object.keys(DEFAULTS)]);
  for (const key of Object.keys(rest)) if (!known.has(key)) fail("config", "known options only", `"${key}"`);
  for (const key of Object.keys(givens ?? {})) {
    if (!(key in DEFAULTS.givens)) fail("givens", "known options only", `"${key}"`);
  }
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const config = {
    ...DEFAULTS,
    ...PRESETS[preset],
    ...given,
    givens: { ...DEFAULTS.givens, ...givens },
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
  expectOneOf("rotation", c.rotation, ROTATIONS);
  if (c.rotation.includes("givens") && c.dim < 2) fail("dim", "at least 2 for a Givens rotation", c.dim);
  expectOneOf("codebookUpdate", c.codebookUpdate, CODEBOOK_UPDATES);
  expectOneOf("initializeOn", c.initializeOn, ["residual", "raw"]);
  expectOneOf("kmeansStart", c.kmeansStart, ["kmeans++", "balanced"]);
  expectInteger("kmeansIterations", c.kmeansIterations, 1);
  expectNumber("kmeansChangeThreshold", c.kmeansChangeThreshold, 0, 1);
  expectInteger("opqIterations", c.opqIterations, 1);
  expectNumber("givens.stepSize", c.givens.stepSize, 0);
  expectInteger("givens.every", c.givens.every, 1);
  expectNumber("givens.decay", c.givens.decay, 0, 1);
  expectNumber("emaDecay", c.emaDecay, 0, 1);
  expectInteger("restartEvery", c.restartEvery, 0);
  expectNumber("restartThreshold", c.restartThreshold, 0, 1);
  expectOneOf("reduction", c.reduction, ["sum", "mean"]);
  for (const key of Object.keys(LOSS_DEFAULTS) as LossOption[]) expectNumber(key, c[key], 0);
}
