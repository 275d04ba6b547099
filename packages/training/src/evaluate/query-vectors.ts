/**
 * One query as the rankers take it: one vector, scored by inner product, or several (one for each item of a history, say)
 * whose scores add up as a mixture: score(x) = log Σ_h exp(logWeights[h] + scale · v_h·x).
 */
export interface QueryVectors {
  /** (heads, dim), at least one. */
  readonly vectors: Float32Array;
  /** (heads); left out = all 0. Of no effect on the order with one vector. */
  readonly logWeights?: Float32Array | undefined;
  /** Inverse temperature of the mixture; of no effect on the order with one vector. */
  readonly scale: number;
}

/**
 * The vectors of query number `query`. `items` are the item vectors (count, dim) that a history is read from: those that
 * are searched, so the decoded ones for an index and the dense ones for brute force.
 */
export type QueryEncoder = (query: number, items: Float32Array) => QueryVectors;
