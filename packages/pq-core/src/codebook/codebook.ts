import { type Blame, check, checkFinite, checkFloat32, checkInteger } from "../errors.ts";
import { checkRotation } from "./check-rotation.ts";

/** How a query vector and an item's decoded vector make a score; larger is better for all three. */
export const METRICS = ["innerProduct", "cosine", "l2"] as const;
/**
 * - `innerProduct`: q · x̂
 * - `cosine`: q · x̂ / (‖q‖ ‖x̂‖); an item that is a zero vector scores 0
 * - `l2`: −‖q − x̂‖², so that larger is better here too; with `terms` of items those take the place of ‖x̂‖² in it
 */
export type Metric = (typeof METRICS)[number];

/**
 * How far items lie around the centroids of their cells, for inner products. A cell whose centroid is no nearer to a
 * query than another's may hold items that are, if they lie further around: a search visits cells in the order of
 * q·u + weight · ‖q‖ · √(length² − ‖u‖²). For items that all have that length, and u their mean, the root is their root
 * mean square distance from u; where lengths differ it is a guess. Scores of items do not depend on it.
 */
export interface CellSpread {
  readonly weight: number;
  /** Root of the mean square of the items' lengths. */
  readonly length: number;
}

/** What turns a vector into a code and back (PQ: Jégou et al. 2011; rotation, OPQ: Ge et al. 2013). */
export interface Codebook {
  /** Size of a vector (d). */
  readonly dim: number;
  readonly metric: Metric;
  /** Cells of the coarse quantizer; 0 = no coarse quantizer, one inverted list. */
  readonly nlist: number;
  /** Sub-quantizers (M); divides `dim`. */
  readonly numSubQuantizers: number;
  /** Bits of one sub-code: 4 or 8. */
  readonly nbits: 4 | 8;
  /** Centroids of one sub-quantizer (ksub), 2^nbits. Derived. */
  readonly numCentroids: number;
  /** Size of a sub-vector (dsub), dim / numSubQuantizers. Derived. */
  readonly subDim: number;
  /** True when the sub-quantizers code x·R − coarse centroid; needs nlist > 0. */
  readonly byResidual: boolean;
  /** Orthogonal R, (dim, dim) row-major; a row vector is rotated as x·R and back as y·Rᵀ. Absent = identity. */
  readonly rotation?: Float32Array;
  /** (nlist, dim), in rotated space. */
  readonly coarseCentroids: Float32Array;
  /** (M, ksub, subDim), in rotated space, of residuals when `byResidual`. */
  readonly centroids: Float32Array;
  /** Absent = cells are visited in the order of their centroids' scores. */
  readonly cellSpread?: CellSpread;
}

/** What the caller chooses of a {@link Codebook}; the rest is derived. */
export type CodebookInput = Omit<
  Codebook,
  "numCentroids" | "subDim" | "coarseCentroids" | "rotation" | "cellSpread"
> & {
  readonly rotation?: Float32Array | undefined;
  readonly cellSpread?: CellSpread | undefined;
  /** May be left out when nlist is 0. */
  readonly coarseCentroids?: Float32Array | undefined;
};

export const MAX_DIM = 65_536;
export const MAX_NLIST = 1 << 24;
/** Of both numbers of a spread: their product with the longest query is 1e36, which float32 still has. */
export const MAX_SPREAD = 1e9;

/**
 * Checks the parts against each other and derives `subDim` and `numCentroids`. Arrays are kept, not copied.
 *
 * @throws TypeError or RangeError that names the first part which does not fit
 */
export function createCodebook(input: CodebookInput): Codebook {
  const { dim, metric, nlist, numSubQuantizers, nbits, byResidual } = input;
  checkInteger("dim", dim, 1, MAX_DIM);
  check(METRICS.includes(metric), "metric", `one of ${METRICS.join(", ")}`, metric);
  checkInteger("nlist", nlist, 0, MAX_NLIST);
  checkInteger("numSubQuantizers", numSubQuantizers, 1, dim);
  check(nbits === 4 || nbits === 8, "nbits", "4 or 8", nbits);
  check(typeof byResidual === "boolean", "byResidual", "true or false", byResidual);
  return joinCodebook(input, checkRotation);
}

/**
 * {@link createCodebook} of numbers that are each right by themselves, as those of a manifest are.
 *
 * @param checkTurning checks the rotation
 */
export function joinCodebook(input: CodebookInput, checkTurning: typeof checkRotation): Codebook {
  const { dim, nlist, numSubQuantizers, nbits, byResidual, rotation, centroids } = input;
  const { coarseCentroids = new Float32Array(0), metric, cellSpread } = input;
  const numCentroids = 1 << nbits;
  const subDim = dim / numSubQuantizers;
  check(Number.isInteger(subDim), "numSubQuantizers", `a divisor of dim ${dim}`, numSubQuantizers);
  check(!byResidual || nlist > 0, "byResidual", "false when nlist is 0", byResidual);
  const arrays = { coarseCentroids, centroids, ...(rotation && { rotation }) };
  const lengths = { coarseCentroids: nlist * dim, centroids: numCentroids * dim, rotation: dim * dim };
  for (const [name, values] of Object.entries(arrays)) {
    checkFloat32(name, values, lengths[name as keyof typeof arrays]!);
    checkFinite(name, values);
  }
  if (rotation) checkTurning(rotation, dim);
  if (cellSpread !== undefined) checkCellSpread("cellSpread", cellSpread, input);
  const spread = cellSpread && { cellSpread };
  return { dim, metric, nlist, numSubQuantizers, nbits, numCentroids, subDim, byResidual, ...arrays, ...spread };
}

/** @param where for the message; left out: the caller's input */
export function checkCellSpread(
  name: string,
  spread: CellSpread,
  { metric, nlist }: Pick<Codebook, "metric" | "nlist">,
  where?: Blame,
): void {
  check(metric === "innerProduct", name, "nothing unless metric is innerProduct", metric, where);
  check(nlist > 0, name, "nothing without cells", spread, where);
  check(typeof spread === "object" && spread !== null, name, "an object", spread, where);
  for (const member of ["weight", "length"] as const) {
    const value = spread[member];
    const isOne = typeof value === "number" && value >= 0 && value <= MAX_SPREAD;
    check(isOne, `${name}.${member}`, `a number from 0 to ${MAX_SPREAD}`, value, where);
  }
}
