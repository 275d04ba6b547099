/** A seeded stream of numbers: same seed, same numbers, on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, n). */
  below(n: number): number;
  /** Standard normal. */
  normal(): number;
}

/** sfc32 (Chris Doty-Humphrey's Small Fast Counting generator), its state filled by splitmix32 from one seed. */
export function createRandom(seed: number): Random {
  let mix = seed >>> 0;
  const split = (): number => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let [a, b, c, d] = [split(), split(), split(), split()];
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  const random: Random = {
    uniform: () => next() / 2 ** 32,
    below: (n) => Math.floor((next() / 2 ** 32) * n),
    // Box–Muller; 1 - u keeps the logarithm finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()),
  };
  for (let i = 0; i < 12; i++) next();
  return random;
}

/** Puts an array in random order, in place (Fisher–Yates). */
export function shuffle(array: Uint32Array, random: Random): void {
  for (let i = array.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = array[i]!;
    array[i] = array[j]!;
    array[j] = kept;
  }
}
