import { charge, VECTORIZE, WORKERS } from "./prices.ts";

export interface Vectors {
  readonly stored: number;
  readonly dim: number;
  readonly searches: number;
}

/** What Vectorize bills by its formula, (queries + stored) × dimensions and what is stored, with nothing included. */
export function vectorizeDimensions({ stored, dim, searches }: Vectors): { queried: number; stored: number } {
  // A query of more vectors than an index takes asks each of the indexes, as the nearest may lie in any.
  const indexes = Math.ceil(stored / VECTORIZE.vectorsOfAnIndex);
  return { queried: (searches * indexes + stored) * dim, stored: stored * dim };
}

/** A month of Vectorize behind a Worker that takes a millisecond for a search, in dollars, with the subscription. */
export function vectorizeCost(vectors: Vectors): number {
  const { queried, stored } = vectorizeDimensions(vectors);
  return (
    WORKERS.subscription +
    charge(vectors.searches, WORKERS.requests) +
    charge(vectors.searches, WORKERS.cpuMs) +
    charge(queried, VECTORIZE.queried) +
    charge(stored, VECTORIZE.stored)
  );
}
