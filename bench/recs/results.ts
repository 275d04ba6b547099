import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Measured } from "./measure.ts";

/** One way to rank, measured once. */
export interface Row extends Measured {
  /** When the run of the peer started: all rows of one run have the same. */
  readonly date: string;
  /** Commit that it was measured at; "+" behind it when there were changes beside it. */
  readonly commit: string;
  /** Of `--methods`. */
  readonly peer: string;
  readonly method: string;
  /** What ranking keeps of an item, and how it was counted. */
  readonly bytesPerItem: number;
  readonly counted?: string;
  /** Bytes asked for by `--bytes`, of what is trained anew for each size. */
  readonly bytes?: number;
  /** Undefined where no seed changes anything. */
  readonly seed?: number;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Test users that were ranked, and how many there are; evenly spread. */
  readonly queries: number;
  readonly heldOut: number;
  /** Choosing, fitting and ranking. */
  readonly seconds: number;
}

const FOLDER = fileURLToPath(new URL("results/", import.meta.url));

/** What was measured of a set: lines of JSON, appended as they come. */
export class Results {
  readonly #path: string;
  readonly #rows: Row[];

  constructor(set: string, folder = FOLDER) {
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, `${set}.jsonl`);
    const text = existsSync(this.#path) ? readFileSync(this.#path, "utf8") : "";
    this.#rows = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Row);
  }

  add(row: Row): void {
    this.#rows.push(row);
    appendFileSync(this.#path, `${JSON.stringify(row)}\n`);
  }

  /** A run of one peer that is there already. */
  find(of: Pick<Row, "peer" | "queries" | "seed" | "bytes">): Row | undefined {
    return this.#rows.findLast((row) => isRun(row, of));
  }

  /** The rows that count: where a peer was measured again, those of the newest run. */
  get newest(): Row[] {
    return this.#rows.filter((row) => row.date === this.find(row)!.date);
  }
}

const isRun = (row: Row, { peer, queries, seed, bytes }: Pick<Row, "peer" | "queries" | "seed" | "bytes">): boolean =>
  row.peer === peer && row.queries === queries && row.seed === seed && row.bytes === bytes;
