/** What one request uses: counted while it runs, all its searches together, and stopped where it is too much. */
import type { ReadMeter } from "@poeem/pq-core";
import type { Limits } from "../limits.ts";
import { type Price, READ_BYTE_WORK } from "./price.ts";
import type { Problem } from "./problem.ts";

/** A price is an estimate: what was read may bring the work up to so many times what one may. */
const MOST_OVER = 1.5;

/** Of a code that is gone through once more, and looked at. */
const RESCAN_WORK = 2.5;

/** See above. A request has one; a search that goes on behind its answer has one of its own. */
export class Meter implements ReadMeter {
  readonly limits: Limits;
  /** Milliseconds that it waited for turns, as whoever gives them counts. */
  waitedMs = 0;
  #reads = 0;
  #bytes = 0;
  #work = 0;
  #answerBytes = 0;
  #answers = 0;
  /** Of the budget of rates: one is taken at the door. */
  #units = 1;
  #refuse: ((limit: "reads" | "work") => Problem) | undefined;

  constructor(limits: Limits) {
    this.limits = limits;
  }

  /** Operations on the store so far. */
  get reads(): number {
    return this.#reads;
  }

  /** Bytes that they brought. */
  get bytes(): number {
    return this.#bytes;
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

  /** @throws Problem `too-expensive`, which ends the request */
  spend(): void {
    if (this.#refuse !== undefined && this.#reads >= this.limits.reads) throw this.#refuse("reads");
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
