import { choose } from "../choose.ts";
import type { Task } from "../task.ts";
import type { Peer, PeerOptions, Ranked } from "./peer.ts";
import { type Ask, LinearAlgebra, needsPython } from "./python.ts";
import { countedEntries, entriesIn, entryBytes } from "./sparse.ts";

const LAMBDAS = [10, 20, 50, 100, 200, 300, 500, 1000, 2000, 5000] as const;
const START = 300;
/** Which entries stay: the largest of each row (an item of a history), of each column (an item to rank), or of all. */
const WAYS = ["row", "column", "all"] as const;

interface EaseAsk extends Ask {
  readonly entries: number | null;
  readonly by: (typeof WAYS)[number] | null;
}

/** A way to cut the matrix, and what was found with it. */
interface Cut {
  readonly entries: number | null;
  readonly by: EaseAsk["by"];
  score: number;
  lambda: number;
}

/** The whole matrix, and what is left of it at each number of bytes: λ and the way to cut chosen for each size. */
export const EASE: Peer = {
  name: "ease",
  seeded: false,
  sized: true,
  skipped: needsPython,
  rank: (task, options) => LinearAlgebra.with(options.python!, task, (algebra) => rankAll(algebra, task, options)),
};

async function* rankAll(algebra: LinearAlgebra, task: Task, { bytes, say }: PeerOptions): AsyncGenerator<Ranked> {
  const { numItems, score } = task;
  const sizes = [...new Set(bytes.map((size) => entriesIn(size, numItems)))].filter((entries) => entries > 0);
  const cuts: Cut[] = [
    { entries: null, by: null, score: -1, lambda: START },
    ...sizes.flatMap((entries) => WAYS.map((by) => ({ entries, by, score: -1, lambda: START }))),
  ];
  const askFor = (queries: Ask["queries"], some: readonly Cut[]): EaseAsk[] =>
    some.map(({ entries, by }) => ({ queries, entries, by }));
  // one inverse serves all cuts; the climb is by the whole matrix
  const chosen = await choose({ lambda: LAMBDAS }, { lambda: START }, async ({ lambda }) => {
    const { ranked } = await algebra.run({ method: "ease", fit: "fit", lambda, asks: askFor("validation", cuts) });
    const scores = ranked.map(([lists]) => score(lists!));
    scores.forEach((found, i) => {
      if (found > cuts[i]!.score) Object.assign(cuts[i]!, { score: found, lambda });
    });
    say(`EASE: λ = ${lambda}, validation ${scores[0]!.toFixed(4)}`);
    return scores[0]!;
  });
  const best = [
    { ...cuts[0]!, lambda: chosen.settings.lambda },
    ...sizes.map((entries) =>
      cuts.filter((cut) => cut.entries === entries).reduce((a, b) => (b.score > a.score ? b : a)),
    ),
  ];
  for (const lambda of new Set(best.map((cut) => cut.lambda))) {
    const some = best.filter((cut) => cut.lambda === lambda);
    const { ranked } = await algebra.run({ method: "ease", fit: "fitAll", lambda, asks: askFor("test", some) });
    for (const [i, { entries, by }] of some.entries()) {
      const [lists] = ranked[i]!;
      yield entries === null
        ? { method: "EASE", bytesPerItem: 4 * numItems, settings: { lambda }, ranked: lists! }
        : {
            method: "EASE, pruned",
            bytesPerItem: entries * entryBytes(numItems),
            counted: countedEntries(numItems),
            settings: { lambda, entries, by },
            ranked: lists!,
          };
    }
  }
}
