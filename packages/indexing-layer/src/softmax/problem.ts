import type * as tf from "@tensorflow/tfjs-core";

/**
 * Lists of columns of different lengths, one after another: list i is values[offsets[i]] … values[offsets[i + 1] -
 * 1].
 */
export interface Lists {
  /** (count + 1) */
  readonly offsets: Uint32Array;
  readonly values: Uint32Array;
}

/** The same candidates as a better model sees them: their softmax is a second, soft target. */
export interface Teacher {
  /** (C, dim), constant. */
  readonly candidates: tf.Tensor2D;
  /** Of its loss, next to the targets' weight of 1. */
  readonly weight: number;
}

/**
 * Softmax cross-entropy of queries over candidates that all of them share. A group of S queries is one mixture of S
 * softmaxes; with S = 1, the usual case, a_g is 1 and p(c | g) a plain softmax. Shapes: G groups of S queries, C
 * candidates.
 *
 *   p(c | gs) = softmax over c of scale · q_gs·v_c − logQ_c, without those masked
 *   p(c | g)  = Σ_s a_gs · p(c | gs),   a_g = softmax of logWeights_g
 *   ranking   = −Σ_g Σ_targets weight · log(p(target | g) + least) / Σ weight
 *               jointly: a_gs ∝ exp(logWeights_gs) · Z_gs, Z_gs the sum of the softmax of row gs
 *   total     = ranking + teacher.weight · −1/G Σ_gc t_gc · log p(c | g),   t as p, of the teacher's candidates
 *
 * In a mixture each query is pulled by its share r_gsc = a_gs p(c | gs) / p(c | g) of a target, so that the items of a
 * history that have nothing to do with the target stop pulling at it. The teacher is listwise distillation (Distill-VQ,
 * Xiao et al., SIGIR 2022): inside the same problem it costs one more product, not three.
 */
export interface SoftmaxProblem {
  /** (G·S, dim), group by group; (R, dim) where groups share them. */
  readonly queries: tf.Tensor2D;
  /**
   * (G·S) the row of `queries` at each place of each group, where groups share rows: what follows from an item is one
   * softmax for everybody who had it. Empty places may name any row. Needs `logWeights`, and `masked` is of the R rows.
   */
  readonly shared?: Uint32Array | undefined;
  /** (C, dim) */
  readonly candidates: tf.Tensor2D;
  /** Inverse temperature; a tensor holds its logarithm, and gets a gradient. */
  readonly scale: number | { readonly log: tf.Scalar };
  /**
   * Columns that each group is to find; a tensor (G) int32 names one column per group, where each has its own rows.
   * None: the teacher alone.
   */
  readonly targets?: Lists | tf.Tensor1D | undefined;
  /** Of each entry of the lists of targets; 1 when left out. */
  readonly targetWeights?: Float32Array | undefined;
  /** Columns of each of the queries that do not compete. */
  readonly masked?: Lists | undefined;
  /** (C) subtracted from the logits: how often a candidate is expected among the candidates, as a logarithm. */
  readonly logQ?: Float32Array | undefined;
  /** (G, S) log weights of the mixture, up to a constant per group; very negative in an empty place. None: S = 1. */
  readonly logWeights?: tf.Tensor2D | undefined;
  /**
   * Whether the queries of a group have one denominator together, so that p(c | g) is proportional to the sum of their
   * exponentials, each times its weight; else each has its own. Default false.
   */
  readonly jointly?: boolean;
  /** Added to a target's probability, so that its logarithm stays finite. Default 0: logarithms throughout. */
  readonly least?: number;
  /** For S = 1 only. */
  readonly teacher?: Teacher | undefined;
  /** Of the whole loss. Default 1. */
  readonly weight?: number;
  /** No gradient goes to the candidates. */
  readonly constantCandidates?: boolean;
}

/** What the logits of a problem are made from. */
export type LogitsOf = Pick<SoftmaxProblem, "queries" | "candidates" | "scale" | "masked" | "logQ">;

/** A problem's loss and gradients, made together. */
export interface SoftmaxResult {
  /** The loss of the targets alone, without the problem's weight. */
  readonly ranking: tf.Scalar;
  readonly total: tf.Scalar;
  /** Gradients of the total. */
  readonly dQueries: tf.Tensor2D;
  /** Absent for constant candidates. */
  readonly dCandidates?: tf.Tensor2D | undefined;
  /** Absent without `logWeights`. */
  readonly dLogWeights?: tf.Tensor2D | undefined;
}

/** What is added to the logit of a masked candidate, or is the log weight of an empty place: its share is then 0. */
export const MASKED = -1e9;

/** Targets as lists of columns, one per group. @param read gives a tensor's numbers */
export function targetLists(
  targets: Lists | tf.Tensor1D | undefined,
  groups: number,
  read: (columns: tf.Tensor1D) => ArrayLike<number>,
): Lists {
  if (!targets) return { offsets: new Uint32Array(groups + 1), values: new Uint32Array(0) };
  if ("offsets" in targets) return targets;
  return { offsets: Uint32Array.from({ length: groups + 1 }, (_, i) => i), values: Uint32Array.from(read(targets)) };
}
