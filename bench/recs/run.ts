import { execFileSync } from "node:child_process";
import { measure } from "./measure.ts";
import { measureOurs } from "./ours/ours.ts";
import { EASE } from "./peers/ease.ts";
import { ELSA } from "./peers/elsa.ts";
import { ITEM_KNN } from "./peers/item-knn.ts";
import { ORDERED } from "./peers/ordered.ts";
import type { Peer, PeerOptions } from "./peers/peer.ts";
import { POPULARITY } from "./peers/popularity.ts";
import type { Results, Row, Run } from "./results.ts";
import type { SetKind } from "./sets.ts";
import { codeVersion, dataSetup, oursSetup, peerSetup } from "./setup.ts";
import { checkSizes } from "./sizes.ts";
import { type OpenTask, openTask, writeConfig } from "./task.ts";

/** Rankings that know nothing of ours. */
const PEERS: readonly Peer[] = [POPULARITY, ITEM_KNN, ORDERED, EASE, ELSA];
/** What comes of a training of ours; `afterwards` is what is made from its dense vectors. */
const OURS = ["ours", "afterwards"] as const;
/** What `--methods` may name. */
export const METHODS = [...PEERS.map(({ name }) => name), ...OURS] as const;

export interface Options {
  readonly data: string;
  /** Folder to work in; whoever calls removes it. */
  readonly work: string;
  readonly methods: readonly string[];
  readonly bytes: readonly number[];
  readonly seeds: readonly number[];
  /** At most this many test users, and as many validation users to choose settings by. */
  readonly users: number;
  readonly validation: number;
  readonly python: string | undefined;
  /** Measures again what is in the results. */
  readonly again: boolean;
  readonly say: (line: string) => void;
}

/**
 * Measures every method that was asked for and is not among the results yet, once per seed. Settings are chosen on
 * validation queries.
 *
 * @throws Error before anything is read where a size cannot be
 * @returns the data as they were split, as rows name them
 */
export async function measureSet(kind: SetKind, results: Results, options: Options): Promise<string> {
  const { work, methods, seeds, bytes, say } = options;
  if (OURS.some((peer) => methods.includes(peer))) checkSizes(kind, bytes);
  const { config, data } = await kind.prepare(options.data, work);
  const task = await openTask(await writeConfig(work, "poeem.config", config), data, kind, options);
  const { test, validation, dataset } = task;
  say(
    `${task.numItems} items, ${validation.count} validation users, ${test.count} of ${dataset.test.count} test users`,
  );
  const known = { data: dataSetup(task), queries: test.count };
  const runOf = (peer: string, setup: string, seed: number | undefined, bytes?: number): Run => ({
    ...{ ...known, peer, setup },
    ...(seed !== undefined && { seed }),
    ...(bytes !== undefined && { bytes }),
  });
  const isMeasured = (of: Run): boolean => {
    const row = options.again ? undefined : results.find(of);
    if (row) say(`${runName(of)}: measured ${row.date} at ${row.commit}; --again measures it again`);
    return row !== undefined;
  };
  const stamp = () => ({
    date: new Date().toISOString().slice(0, 19),
    commit: commit(),
    ...known,
    heldOut: dataset.test.count,
  });

  for (const peer of PEERS.filter(({ name }) => methods.includes(name))) {
    const reason = peer.skipped?.(task, options.python);
    if (reason !== undefined) {
      say(`${peer.name}: left out: ${reason}`);
      continue;
    }
    const setup = peerSetup(peer, task, bytes);
    const missing = (peer.seeded ? seeds : [undefined]).filter((seed) => !isMeasured(runOf(peer.name, setup, seed)));
    if (missing.length === 0) continue;
    const run = stamp();
    for await (const row of timed(peer, task, { ...options, seeds: missing.map((seed) => seed ?? 1) })) {
      results.add({ ...run, peer: peer.name, setup, ...row });
      sayRow(say, row);
    }
  }
  const setup = oursSetup(config, kind, codeVersion());
  for (const seed of seeds) {
    for (const size of bytes) {
      const asked = OURS.filter((peer) => methods.includes(peer)).filter(
        (peer) => !isMeasured(runOf(peer, setup, seed, size)),
      );
      if (asked.length === 0) continue;
      const run = stamp();
      const afterwards = asked.includes("afterwards");
      const ours = { config, data, work, dim: kind.dim(size), nbits: kind.nbits(size), bytes: size, seed, afterwards };
      for await (const row of measureOurs(task, ours)) {
        if (!asked.includes(row.peer)) continue;
        results.add({ ...run, setup, ...row, seed, bytes: size });
        sayRow(say, { ...row, seed });
      }
    }
  }
  return known.data;
}

/** The rows of a peer with the seconds each took. */
async function* timed(peer: Peer, task: OpenTask, options: PeerOptions) {
  let started = performance.now();
  for await (const { ranked, ...facts } of peer.rank(task, options)) {
    const seconds = (performance.now() - started) / 1000;
    yield { ...facts, ...measure(ranked, task.test.relevant), seconds };
    started = performance.now();
  }
}

type Told = Pick<Row, "method" | "bytesPerItem" | "measures" | "seconds" | "seed">;

function sayRow(say: Options["say"], { method, bytesPerItem, measures, seconds, seed }: Told): void {
  const figures = Object.entries(measures).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  const of = seed === undefined ? "" : `, seed ${seed}`;
  say(`${method}, ${bytesPerItem.toFixed(0)} B${of}: ${figures.join(", ")} (${seconds.toFixed(0)} s)`);
}

const runName = ({ peer, seed, bytes }: Pick<Row, "peer" | "seed" | "bytes">): string =>
  [peer, bytes === undefined ? "" : `${bytes} B`, seed === undefined ? "" : `seed ${seed}`].filter(Boolean).join(", ");

/** The commit at hand, "+" behind it where tracked files differ from it. */
function commit(): string {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: import.meta.dirname })
      .toString()
      .trim();
  const changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(exclude,top)bench/recs/results");
  return `${git("rev-parse", "--short", "HEAD")}${changed === "" ? "" : "+"}`;
}
