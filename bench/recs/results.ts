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
  /** The data as they were split; rows of before it was kept have none. */
  readonly data?: string;
  /** What else decides the row beside its size and seed: of ours its configuration and code. None as above. */
  readonly setup?: string;
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
  find(of: Run): Row | undefined {
    return this.#rows.findLast((row) => RUN.every((name) => row[name] === of[name]));
  }

  /** The data that were measured last; undefined where nothing says of what data it is. */
  get newestData(): string | undefined {
    return this.#rows.findLast((row) => row.setup !== undefined)?.data;
  }

  /**
   * The rows that count: of one data, and of each peer its newest setup; where that was measured again, those of the
   * newest run. Rows that do not say what they were measured with never count.
   */
  newest(data: string | undefined): Row[] {
    const known = this.#rows.filter((row) => row.setup !== undefined && row.data === data);
    return known.filter(
      (row) =>
        row.setup === known.findLast(({ peer }) => peer === row.peer)!.setup && row.date === this.find(row)!.date,
    );
  }

  /** The other rows of {@link newest}. */
  older(newest: readonly Row[]): Row[] {
    return this.#rows.filter((row) => !newest.includes(row));
  }
}

const RUN = ["peer", "data", "setup", "queries", "seed", "bytes"] as const;
/** What makes a run the same as another. */
export type Run = Pick<Row, (typeof RUN)[number]>;
