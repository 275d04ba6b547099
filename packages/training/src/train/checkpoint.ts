import { mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { type DataHashes, dataDifference } from "../data/hash.ts";
import type { State } from "../state.ts";
import { readCheckpointFile, writeCheckpointFile } from "./checkpoint-file.ts";

/** What must be the same for a training to go on where a checkpoint left it. */
export interface Fingerprint {
  /** Configuration, seed included, without what is fitted: that follows from it, the data and the code. */
  readonly config: unknown;
  readonly dataHash: string;
  /** What it is made of: says which of the data are others. */
  readonly dataHashes?: DataHashes;
  readonly backend: string;
  /** Versions of the code that computes. */
  readonly code: Readonly<Record<string, string>>;
}

export interface Checkpoint<Facts> {
  readonly step: number;
  readonly facts: Facts;
  readonly state: State;
}

const KEPT = 2;
const NAME = /^step-(\d{10})\.ckpt$/;
const BEST = "best.ckpt";
// A write may take at most this share of the time up to the next one.
const COST_SHARE = 0.02;

/**
 * The checkpoints of one training in a folder of their own: `step-0000001234.ckpt`, the newest two, and `best.ckpt`
 * when training stops early. Each is written beside its place and renamed into it, so a kill leaves the others whole.
 */
export class CheckpointStore {
  readonly directory: string;
  readonly #fingerprint: Fingerprint;
  readonly #secondsBetween: number;
  #kept: string[] = [];
  #nextAt: number;

  /** @param secondsBetween least time between two checkpoints, 0 for one per step */
  constructor(directory: string, fingerprint: Fingerprint, secondsBetween: number) {
    this.directory = directory;
    this.#fingerprint = fingerprint;
    this.#secondsBetween = secondsBetween;
    this.#nextAt = performance.now() + 1000 * secondsBetween;
  }

  /**
   * Makes the folder and removes what a killed process left half-written.
   * @throws UserError when nothing can be written there
   */
  async prepare(): Promise<void> {
    await this.#attempt(async () => {
      await mkdir(this.directory, { recursive: true });
      for (const name of await readdir(this.directory)) {
        if (name.endsWith(".tmp")) await rm(join(this.directory, name), { force: true });
      }
      const probe = join(this.directory, "probe.tmp");
      await (await open(probe, "w")).close();
      await rm(probe);
    });
  }

  /** Steps of the checkpoints here, newest first. */
  async steps(): Promise<number[]> {
    const names = await readdir(this.directory).catch(() => []);
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  }

  /**
   * The newest whole checkpoint; undefined when there is none.
   * @param onDamaged called for each that cannot be read, before the one before it is tried
   * @throws UserError when it belongs to another configuration, other data, another backend or other code
   */
  async latest<Facts>(onDamaged: (message: string) => void): Promise<Checkpoint<Facts> | undefined> {
    for (const step of await this.steps()) {
      let checkpoint: Checkpoint<Facts>;
      try {
        checkpoint = await this.#read<Facts>(fileName(step));
      } catch (error) {
        if (error instanceof MismatchError) throw error;
        onDamaged(messageOf(error));
        continue;
      }
      this.#kept = (await this.steps())
        .filter((other) => other <= step)
        .map(fileName)
        .reverse();
      return checkpoint;
    }
    return undefined;
  }

  /** Whether one was read or written here, so that `latest` has something to go on from. */
  get hasSome(): boolean {
    return this.#kept.length > 0;
  }

  /** Whether enough time has passed since the last one. */
  get due(): boolean {
    return performance.now() >= this.#nextAt;
  }

  /** @param state may hold views: it is on the disk when this returns. */
  async save(step: number, facts: unknown, state: State): Promise<void> {
    const started = performance.now();
    const name = fileName(step);
    await this.#write(name, step, facts, state);
    this.#kept = [...this.#kept.filter((other) => other !== name), name].slice(-KEPT);
    for (const old of await this.steps()) {
      if (!this.#kept.includes(fileName(old))) await rm(join(this.directory, fileName(old)), { force: true });
    }
    const now = performance.now();
    this.#nextAt =
      now + Math.max(1000 * this.#secondsBetween, this.#secondsBetween > 0 ? (now - started) / COST_SHARE : 0);
  }

  /** The weights to come back to when training stops early. */
  saveBest(step: number, state: State): Promise<void> {
    return this.#write(BEST, step, {}, state);
  }

  /** @param step the step at which they must have been saved */
  async best(step: number): Promise<State> {
    const { step: found, state } = await this.#read(BEST);
    if (found !== step) throw new UserError(`${join(this.directory, BEST)}: expected step ${step}, got ${found}`);
    return state;
  }

  /** Removes all checkpoints, when the index they led to is in place. */
  async clear(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Removes the folder when no checkpoint came to lie there. */
  async clearIfEmpty(): Promise<void> {
    await rmdir(this.directory).catch(() => undefined);
  }

  async #write(name: string, step: number, facts: unknown, state: State): Promise<void> {
    const staging = join(this.directory, `${name}.tmp`);
    await this.#attempt(async () => {
      try {
        await writeCheckpointFile(staging, { step, fingerprint: this.#fingerprint, facts }, state);
        await rename(staging, join(this.directory, name));
      } catch (error) {
        await rm(staging, { force: true }).catch(() => undefined);
        throw error;
      }
      await syncDirectory(this.directory);
    });
  }

  async #read<Facts>(name: string): Promise<Checkpoint<Facts>> {
    const { facts, state } = await readCheckpointFile<{ step: number; fingerprint: Fingerprint; facts: Facts }>(
      join(this.directory, name),
    );
    const difference = differenceOf(facts.fingerprint, this.#fingerprint);
    if (difference)
      throw new MismatchError(`--resume: the checkpoint in ${this.directory} was made with ${difference}`);
    return { step: facts.step, facts: facts.facts, state };
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw new UserError(`cannot write a checkpoint to ${this.directory}: ${messageOf(error)}`);
    }
  }
}

/** Apart from damage: an older checkpoint would not fit either. */
class MismatchError extends UserError {}

function fileName(step: number): string {
  return `step-${String(step).padStart(10, "0")}.ckpt`;
}

/** What the user can mend: of the data their SQL, of all else a value. */
function differenceOf(then: Fingerprint, now: Fingerprint): string | undefined {
  const config = firstDifference(then.config, now.config, "config");
  const data = now.dataHashes && dataDifference(then.dataHashes, now.dataHashes);
  if (config === undefined && data !== undefined) return `other data: ${data}`;
  const other = config ?? firstDifference(then, now, "");
  return other && `another ${other}`;
}

/** "training.seed: 1, now 2": where two plain values first differ, undefined where nowhere. */
function firstDifference(then: unknown, now: unknown, path: string): string | undefined {
  if (isRecord(then) && isRecord(now)) {
    for (const key of new Set([...Object.keys(then), ...Object.keys(now)])) {
      const difference = firstDifference(then[key], now[key], path ? `${path}.${key}` : key);
      if (difference) return difference;
    }
    return undefined;
  }
  const [before, after] = [JSON.stringify(then), JSON.stringify(now)];
  return before === after ? undefined : `${path}: ${before ?? "none"}, now ${after ?? "none"}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** A rename is on the disk once its folder is. Some systems cannot open a folder; there the rename alone must do. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r").catch(() => undefined);
  if (!handle) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}
