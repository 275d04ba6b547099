import { choose } from "../choose.ts";
import type { Task } from "../task.ts";
import type { Peer, PeerOptions, Ranked } from "./peer.ts";
import { type Ask, LinearAlgebra, needsPython } from "./python.ts";
import { countedEntries, entriesIn, entryBytes } from "./sparse.ts";

/** Factors of each item, of which the compressed form keeps the largest. */
const DIM = 256;
const EPOCHS = 20;
const RATES = [0.003, 0.01, 0.03, 0.1, 0.3] as const;

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
  skipped: needsPython,
  rank: (task, options) => LinearAlgebra.with(options.python!, task, (algebra) => rankAll(algebra, task, options)),
};

async function* rankAll(algebra: LinearAlgebra, task: Task, options: PeerOptions): AsyncGenerator<Ranked> {
  yield {
    ...{ method: "ELSA", bytesPerItem: 4 * DIM },
    ...(await trained(algebra, task, options, null)),
  };
  for (const size of options.bytes) {
    const keep = entriesIn(size, DIM);
    if (keep === 0) continue;
    yield {
      ...{ method: "ELSA, compressed", bytesPerItem: keep * entryBytes(DIM), counted: countedEntries(DIM) },
      ...(await trained(algebra, task, options, keep)),
    };
  }
}

/** @param keep factors that are left of each item at the end; null for all */
async function trained(
  algebra: LinearAlgebra,
  task: Task,
  { seed, say }: PeerOptions,
  keep: number | null,
): Promise<Pick<Ranked, "settings" | "ranked">> {
  const train = async (fit: "fit" | "fitAll", { rate, epochs }: Chosen, ask: ElsaAsk): Promise<Uint32Array[][]> => {
    const job = { method: "elsa" as const, fit, dim: DIM, epochs, rate, seed, keep, factors: null, asks: [ask] };
    const { ranked } = await algebra.run(job, ({ each }) => (each ? epochs : undefined));
    return ranked[0]!;
  };
  const bestEpoch = new Map<number, number>();
  const { settings, score } = await choose({ rate: RATES }, { rate: RATES[1] as number }, async ({ rate }) => {
    const each = keep === null;
    const ranked = await train("fit", { rate, epochs: EPOCHS }, { queries: "validation", each });
    const scores = ranked.map((lists) => task.score(lists));
    const best = Math.max(...scores);
    bestEpoch.set(rate, each ? scores.indexOf(best) + 1 : EPOCHS);
    say(`ELSA${keep === null ? "" : `, ${keep} factors`}: rate ${rate}, validation ${best.toFixed(4)}`);
    return best;
  });
  const chosen: Chosen = { rate: settings.rate, epochs: bestEpoch.get(settings.rate)! };
  say(`ELSA: ${JSON.stringify(chosen)}, validation ${score.toFixed(4)}`);
  const [ranked] = await train("fitAll", chosen, { queries: "test", each: false });
  return { settings: { dim: DIM, ...(keep !== null && { keep }), ...chosen }, ranked: ranked! };
}
