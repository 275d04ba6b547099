/** What one request uses: counted while it runs, all its searches together, and stopped where it is too much. */
import { OverloadedError } from "../index/errors.ts";
import type { LoadMeter } from "../index/loaded-index.ts";
import type { StoreMeter } from "../index/store.ts";
import type { Limits } from "../limits.ts";
import { type Price, READ_BYTE_WORK } from "./price.ts";
import type { Problem } from "./problem.ts";

/** A price is an estimate: what was read may bring the work up to so many times what one may. */
const MOST_OVER = 1.5;

/** Of a code that is gone through once more, and looked at. */
const RESCAN_WORK = 2.5;

/** Of the platform's 1,000 in an invocation, which reads ahead behind the answer to a cold start. */
const MOST_WITH_LOAD = 950;

const NOTHING_READ = { reads: 0, bytes: 0, cached: 0 };

/** See above. A request has one; a search that goes on behind its answer has one of its own. */
export class Meter implements StoreMeter, LoadMeter {
  readonly limits: Limits;
  /** Milliseconds that it waited for turns, as whoever gives them counts. */
  waitedMs = 0;
  #reads = 0;
  #bytes = 0;
  #cached = 0;
  #loadReads = 0;
  #loadBytes = 0;
  #loadCached = 0;
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

  /** Bytes that they brought, and a cache before them. */
  get bytes(): number {
    return this.#bytes + this.#loadBytes;
  }

  /** Values that a cache had, so that they took no operation. */
  get cached(): number {
    return this.#cached + this.#loadCached;
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
  loaded(reads: number, bytes: number, cached = 0): void {
    this.#loadReads += reads;
    this.#loadBytes += bytes;
    this.#loadCached += cached;
  }

  /** What was read since this was last asked: by the first search of a request, with a cold start before it. */
  takeReads(): typeof NOTHING_READ {
    const before = this.#told;
    const { reads, bytes, cached } = this;
    this.#told = { reads, bytes, cached };
    return { reads: reads - before.reads, bytes: bytes - before.bytes, cached: cached - before.cached };
  }

  /** @throws Problem `too-expensive`, or OverloadedError: either ends the request */
  spend(): void {
    if (this.#refuse !== undefined) {
      const { reads } = this.limits;
      // A look into a cache is a subrequest too.
      if (this.#reads + this.#cached >= reads) throw this.#refuse("reads");
      // With the index in memory the same request passes.
      if (this.#loadReads > 0 && reads <= MOST_WITH_LOAD && this.reads + this.cached >= MOST_WITH_LOAD)
        throw new OverloadedError("A cold start left too few operations on the store");
    }
    this.#checkWork();
    this.#reads++;
  }

  got(bytes: number): void {
    this.#bytes += bytes;
  }

  hit(): void {
    this.#reads--;
    this.#cached++;
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
