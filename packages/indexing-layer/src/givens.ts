import type { GivensConfig } from "./config.ts";
import { expectFinite } from "./errors.ts";

/**
 * A rotation that is only ever changed by turning pairs of its columns, so that it stays orthogonal by construction:
 * Givens coordinate descent (Jiang et al., ICLR 2022, arXiv 2203.05082). Kept in double precision on the host; its
 * rounding errors then stay near 1e-12 over tens of thousands of updates, without any re-projection.
 *
 * With Y = X·R the rotated items and Q their reconstructions, B = Yᵀ·Q. Turning columns i and j of R by θ changes
 * the distortion |Y - Q|² by -2·[(cos θ - 1)(B_ii + B_jj) + sin θ (B_ji - B_ij)]: smallest at θ = atan2(B_ji -
 * B_ij, B_ii + B_jj).
 */
export class GivensRotation {
  readonly dim: number;
  /** (dim, dim) row-major. */
  readonly matrix: Float64Array;
  /** Moving average of B per item, carried along with every turn. */
  readonly correlation: Float64Array;
  readonly config: GivensConfig;

  constructor(matrix: Float64Array, dim: number, config: GivensConfig) {
    this.dim = dim;
    this.matrix = matrix;
    this.config = config;
    this.correlation = new Float64Array(dim * dim);
  }

  /**
   * Takes in one batch and turns R.
   * @param batchCorrelation B = Yᵀ·Q of the batch, (dim, dim)
   * @param batchSize items of the batch
   */
  update(batchCorrelation: ArrayLike<number>, batchSize: number): void {
    const { dim, correlation: b, config } = this;
    expectFinite("x", batchCorrelation);
    for (let i = 0; i < dim * dim; i++) {
      b[i] = config.decay * b[i]! + (1 - config.decay) * (batchCorrelation[i]! / batchSize);
    }
    for (const [i, j] of greedyPairs(b, dim)) {
      const slope = b[j * dim + i]! - b[i * dim + j]!;
      this.turn(i, j, config.stepSize * Math.atan2(slope, b[i * dim + i]! + b[j * dim + j]!));
    }
  }

  /** R ← R·G: column i becomes cos·i + sin·j, column j -sin·i + cos·j; B ← Gᵀ·B by rows. */
  turn(i: number, j: number, angle: number): void {
    const { dim, matrix: r, correlation: b } = this;
    const cos = Math.cos(angle);
    const sin = Math.sin(angle);
    for (let k = 0; k < dim; k++) {
      const left = r[k * dim + i]!;
      const right = r[k * dim + j]!;
      r[k * dim + i] = cos * left + sin * right;
      r[k * dim + j] = cos * right - sin * left;
      const upper = b[i * dim + k]!;
      const lower = b[j * dim + k]!;
      b[i * dim + k] = cos * upper + sin * lower;
      b[j * dim + k] = cos * lower - sin * upper;
    }
  }
}

/** Half the drop of the distortion when columns i and j are turned by their best angle. */
export function pairGain(b: ArrayLike<number>, dim: number, i: number, j: number): number {
  const stay = b[i * dim + i]! + b[j * dim + j]!;
  const slope = b[j * dim + i]! - b[i * dim + j]!;
  return Math.sqrt(stay * stay + slope * slope) - stay;
}

/** floor(dim / 2) disjoint pairs of columns: again and again the pair of largest gain among the axes left. */
export function greedyPairs(b: ArrayLike<number>, dim: number): [number, number][] {
  const gains = new Float64Array(dim * dim);
  for (let i = 0; i < dim; i++) for (let j = i + 1; j < dim; j++) gains[i * dim + j] = pairGain(b, dim, i, j);
  const partner = new Int32Array(dim).fill(-1);
  const used = new Uint8Array(dim);
  const pairs: [number, number][] = [];
  while (pairs.length < dim >> 1) {
    let best = -1;
    for (let i = 0; i < dim; i++) {
      if (used[i]) continue;
      if (partner[i] === -1 || used[partner[i]!]) partner[i] = bestPartner(gains, dim, i, used);
      const j = partner[i]!;
      if (j !== -1 && (best === -1 || gains[i * dim + j]! > gains[best * dim + partner[best]!]!)) best = i;
    }
    const other = partner[best]!;
    used[best] = 1;
    used[other] = 1;
    pairs.push([best, other]);
  }
  return pairs;
}

/** Of the axes after i that are left, the one that gains most with i; -1 if there is none. */
function bestPartner(gains: Float64Array, dim: number, i: number, used: Uint8Array): number {
  let best = -1;
  for (let j = i + 1; j < dim; j++) {
    if (!used[j] && (best === -1 || gains[i * dim + j]! > gains[i * dim + best]!)) best = j;
  }
  return best;
}
