/** What one request uses: counted while it runs, all its searches together, and stopped where it is too much. */
import type { ReadMeter } from "@poeem/pq-core";
import { OverloadedError } from "../index/errors.ts";
import type { LoadMeter } from "../index/loaded-index.ts";
import type { Limits } from "../limits.ts";
import { type Price, READ_BYTE_WORK } from "./price.ts";
import type { Problem } from "./problem.ts";

/** A price is an estimate: what was read may bring the work up to so many times what one may. */
const MOST_OVER = 1.5;

/** Of a code that is gone through once more, and looked at. */
const RESCAN_WORK = 2.5;

/** Of the platform's 1,000 in an invocation, which reads ahead behind the answer to a cold start. */
const MOST_WITH_LOAD = 950;

const NOTHING_READ = { reads: 0, bytes: 0 };

/** See above. A request has one; a search that goes on behind its answer has one of its own. */
export class Meter implements ReadMeter, LoadMeter {
  readonly limits: Limits;
  /** Milliseconds that it waited for turns, as whoever gives them counts. */
  waitedMs = 0;
  #reads = 0;
  #bytes = 0;
  #loadReads = 0;
  #loadBytes = 0;
  #told = NOTHING_READ;
  #work = 0;
  #answerBytes = 0;
  #answers = 0;
  /** Of the budget of rates: one is taken at the door. */
  #units = 1;
  #refuse: ((limit: "reads" | "work") => Problem) | undefined;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Operations on the store so far, those of a cold start included. */
  get reads(): number {
    return this.#reads + this.#loadReads;
  }

  /** Bytes that they brought. */
  get bytes(): number {
    return this.#bytes + this.#loadBytes;
  }

  /** The price of what was begun, in the unit of `limits.ts`, what it was to read left out, and what it has read. */
  get work(): number {
    return Math.round(this.#work + this.#bytes * READ_BYTE_WORK);
  }

  /** Bytes of fields in the answer so far. */
  get answerBytes(): number {
    return this.#answerBytes;
  }

  /** Searches that are answered. */
  get answers(): number {
    return this.#answers;
  }

  /** Work done before anything was priced, such as the reading of a body. */
  add(work: number): void {
    this.#work += work;
  }

  /** Units of the budget of rates that are to be taken for a request that costs so many. */
  take(units: number): number {
    const more = Math.max(0, units - this.#units);
    this.#units += more;
    return more;
  }

  /** Takes up the price of the request. @param refuse says what is wrong with a request that costs more all the same */
  begin(price: Price, refuse: (limit: "reads" | "work") => Problem): void {
    this.#work += price.work - price.readBytes * READ_BYTE_WORK;
    this.#refuse = refuse;
  }

  /** Takes up what the request read to have an index at all: no search is to blame for it. */
  loaded(reads: number, bytes: number): void {
    this.#loadReads += reads;
    this.#loadBytes += bytes;
  }

  /** What was read since this was last asked: by the first search of a request, with a cold start before it. */
  takeReads(): { readonly reads: number; readonly bytes: number } {
    const before = this.#told;
    this.#told = { reads: this.reads, bytes: this.bytes };
    return { reads: this.reads - before.reads, bytes: this.bytes - before.bytes };
  }

  /** @throws Problem `too-expensive`, or OverloadedError: either ends the request */
  spend(): void {
    if (this.#refuse !== undefined) {
      const { reads } = this.limits;
      if (this.#reads >= reads) throw this.#refuse("reads");
      // With the index in memory the same request passes.
      if (this.#loadReads > 0 && reads <= MOST_WITH_LOAD && this.reads >= MOST_WITH_LOAD)
        throw new OverloadedError("A cold start left too few operations on the store");
    }
    this.#checkWork();
    this.#reads++;
  }

  got(bytes: number): void {
    this.#bytes += bytes;
  }

  /** @throws Problem `too-expensive`, which ends the request */
  rescan(codes: number): void {
    this.#work += codes * RESCAN_WORK;
    this.#checkWork();
  }

  #checkWork(): void {
    if (this.#refuse !== undefined && this.work > MOST_OVER * this.limits.work) throw this.#refuse("work");
  }

  /** Whether so many bytes more may be answered. */
  hasRoom(bytes: number): boolean {
    return this.#answerBytes + bytes <= this.limits.bytes;
  }

  /** Counts what is answered. */
  answer(bytes: number): void {
    this.#answerBytes += bytes;
    this.#answers++;
  }
}
