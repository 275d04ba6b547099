/** Values that each setting may take, in order of size. */
export type Grid<S> = { readonly [Key in keyof S]: readonly S[Key][] };

export interface Chosen<S> {
  readonly settings: S;
  readonly score: number;
  /** How many settings were tried. */
  readonly tried: number;
}

/**
 * Climbs from the middle of a grid: one setting after the other moves to a neighbouring value while that scores higher,
 * until none of them does. Nothing is scored twice.
 *
 * @param score larger is better
 */
export async function choose<S extends Record<string, number | string>>(
  grid: Grid<S>,
  start: S,
  score: (settings: S) => number | Promise<number>,
): Promise<Chosen<S>> {
  const known = new Map<string, number>();
  const scoreOf = async (settings: S): Promise<number> => {
    const key = JSON.stringify(settings);
    if (!known.has(key)) known.set(key, await score(settings));
    return known.get(key)!;
  };
  let settings = start;
  let best = await scoreOf(settings);
  for (let moved = true; moved; ) {
    moved = false;
    for (const name of Object.keys(grid) as (keyof S)[]) {
      const values = grid[name];
      for (const step of [1, -1]) {
        for (let at = values.indexOf(settings[name]) + step; at >= 0 && at < values.length; at += step) {
          const next = { ...settings, [name]: values[at]! };
          const found = await scoreOf(next);
          if (found <= best) break;
          [settings, best, moved] = [next, found, true];
        }
      }
    }
  }
  return { settings, score: best, tried: known.size };
}
