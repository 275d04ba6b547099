import { l2Normalize } from "../layers.ts";

/** What turns the items of a history into the components of a mixture: the one definition of them. */
export interface HistoryComponents {
  /** How far each component leans towards the mean of all of them; left out: 0. */
  readonly tilt?: number | undefined;
  /** (ranks): log weights, the newest item's first; items beyond them have the last one. Left out: all weigh the same. */
  readonly recency?: Float32Array | undefined;
  /** (width, width): what follows from an item u is searched for at unit(u · source). Left out: at the item itself. */
  readonly source?: Float32Array | undefined;
}

/**
 * Query vectors of the items of a history, (n): each at unit length, mapped by the source map, and tilted.
 * @param items decoded vectors, none of them zero, n at least 1
 */
export function componentVectors({ tilt = 0, source }: HistoryComponents, items: readonly Float32Array[]) {
  return tiltToMean(
    items.map((item) => l2Normalize(source ? mapped(item, source) : item)),
    tilt,
  );
}

/** Log weights of the items of a history of `count`, oldest first, before each is divided by its component's Z. */
export function rankWeights({ recency }: HistoryComponents, count: number): Float64Array {
  const weights = new Float64Array(count);
  if (recency) for (let i = 0; i < count; i++) weights[i] = recency[Math.min(count - 1 - i, recency.length - 1)]!;
  return weights;
}

/** item · source */
function mapped(item: Float32Array, source: Float32Array): Float64Array {
  const width = item.length;
  const sum = new Float64Array(width);
  for (let i = 0; i < width; i++) {
    const value = item[i]!;
    for (let d = 0; d < width; d++) sum[d]! += value * source[i * width + d]!;
  }
  return sum;
}

/**
 * Query vectors of a mixture that lean towards what all of a history has in common: u_j + tilt · mean of u. As a
 * distribution, exp(scale · u_j·v) is tilted by exp(scale · tilt · mean·v): what follows from one item, to the
 * taste of the person who had them all.
 * @param units (n) unit vectors, n at least 1
 */
export function tiltToMean(units: readonly Float32Array[], tilt: number): Float32Array[] {
  if (tilt === 0) return [...units];
  const mean = new Float64Array(units[0]!.length);
  for (const unit of units) for (let d = 0; d < mean.length; d++) mean[d]! += unit[d]! / units.length;
  return units.map((unit) => unit.map((value, d) => value + tilt * mean[d]!));
}
