import { choose } from "../choose.ts";
import type { Task } from "../task.ts";
import type { Peer, PeerOptions, Ranked } from "./peer.ts";
import { type Ask, LinearAlgebra, needsPython } from "./python.ts";
import { countedEntries, entriesIn, entryBytes } from "./sparse.ts";

/** Factors of each item, of which the compressed form keeps the largest. */
const DIM = 256;
const EPOCHS = 20;
const RATES = [0.003, 0.01, 0.03, 0.1, 0.3];
const START = 0.03;

interface ElsaAsk extends Ask {
  /** Once after each epoch, or after the last. */
  readonly each: boolean;
}

interface Chosen {
  readonly rate: number;
  readonly epochs: number;
}

/**
 * ELSA with all factors, then with as many as each number of bytes holds. The rate and the number of epochs are chosen
 * on validation for the whole form; the compressed forms, whose schedule needs all epochs, choose their own rate.
 */
export const ELSA: Peer = {
  name: "elsa",
  seeded: true,
  sized: true,
  skipped: needsPython,
  rank: (task, options) => LinearAlgebra.with(options.python!, task, (algebra) => rankAll(algebra, task, options)),
};

async function* rankAll(
  algebra: LinearAlgebra,
  task: Task,
  { seeds, bytes, say }: PeerOptions,
): AsyncGenerator<Ranked> {
  const forms = [null, ...bytes.map((size) => entriesIn(size, DIM)).filter((keep) => keep > 0)];
  for (const keep of forms) {
    const chosen = await chooseFor(keep);
    for (const seed of seeds) {
      const [ranked] = await train("fitAll", seed, keep, chosen, { queries: "test", each: false });
      yield {
        ...(keep === null
          ? { method: "ELSA", bytesPerItem: 4 * DIM }
          : { method: "ELSA, compressed", bytesPerItem: keep * entryBytes(DIM), counted: countedEntries(DIM) }),
        ...{ seed, ranked: ranked!, settings: { dim: DIM, ...(keep !== null && { keep }), ...chosen } },
      };
    }
  }

  /** @param keep factors that are left of each item at the end; null for all */
  async function chooseFor(keep: number | null): Promise<Chosen> {
    const each = keep === null;
    const bestEpoch = new Map<number, number>();
    const name = keep === null ? "ELSA" : `ELSA, ${keep} factors`;
    const { settings, score } = await choose({ rate: RATES }, { rate: START }, async ({ rate }) => {
      const ranked = await train("fit", seeds[0]!, keep, { rate, epochs: EPOCHS }, { queries: "validation", each });
      const scores = ranked.map((lists) => task.score(lists));
      const best = Math.max(...scores);
      bestEpoch.set(rate, each ? scores.indexOf(best) + 1 : EPOCHS);
      say(`${name}: rate ${rate}, validation ${best.toFixed(4)}`);
      return best;
    });
    const chosen = { ...settings, epochs: bestEpoch.get(settings.rate)! };
    say(`${name}: ${JSON.stringify(chosen)}, validation ${score.toFixed(4)}`);
    return chosen;
  }

  async function train(
    fit: "fit" | "fitAll",
    seed: number,
    keep: number | null,
    { rate, epochs }: Chosen,
    ask: ElsaAsk,
  ): Promise<Uint32Array[][]> {
    const job = { method: "elsa" as const, fit, dim: DIM, epochs, rate, seed, keep, factors: null, asks: [ask] };
    const { ranked } = await algebra.run(job, ({ each }) => (each ? epochs : undefined));
    return ranked[0]!;
  }
}
