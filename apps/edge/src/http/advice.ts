/** What to lower of a request that costs too much, so that it passes. Found by arithmetic, and few looks at words. */
import type { Filter } from "@poeem/pq-core";
import type { Limits } from "../limits.ts";
import { type Asked, isWithin, LIMITED, useOfText, workOfLookUp } from "./asked.ts";
import type { Meter } from "./meter.ts";
import { filterWork, isLookedUp, NOTHING, type Price, priceOf, sumOf } from "./price.ts";
import type { ProblemError } from "./problem.ts";
import type { ResolvedSearch } from "./resolve.ts";

/** Something of a request that can be lowered. */
interface Lever {
  readonly parameter: string;
  readonly unit?: string;
  readonly least: number;
  /** The value that the searches have; the largest of them. */
  of(all: readonly Asked[]): number;
  /** The same searches with no more than a value. */
  lower(all: readonly Asked[], value: number): readonly Asked[];
}

/** A lever that works on each search by itself. */
function each(
  parameter: string,
  least: number,
  of: (request: ResolvedSearch) => number,
  lower: (request: ResolvedSearch, value: number) => Partial<ResolvedSearch>,
  unit?: string,
): Lever {
  return {
    ...{ parameter, least, ...(unit !== undefined && { unit }) },
    of: (all) => all.reduce((most, { request }) => Math.max(most, of(request)), 0),
    lower: (all, value) =>
      all.map((one) => {
        const { request } = one;
        return of(request) > value
          ? { ...one, request: { ...request, ...lower(request, value) }, price: undefined }
          : one;
      }),
  };
}

const wordsOf = ({ q = "" }: ResolvedSearch) => (q === "" ? [] : q.split(/\s+/));

const LEVERS: readonly Lever[] = [
  each(
    "nprobe",
    1,
    ({ nprobe }) => nprobe,
    (_, nprobe) => ({ nprobe }),
  ),
  each(
    "k",
    1,
    ({ k }) => k,
    (_, k) => ({ k }),
  ),
  {
    parameter: "batch",
    unit: "searches",
    least: 1,
    of: (all) => all.length,
    lower: (all, value) => all.slice(0, value),
  },
  each(
    "filter",
    0,
    ({ filter }) => (filter === undefined ? 0 : comparisonsOf(filter).length),
    ({ filter }, value) => ({ filter: dearestOf(filter!, value) }),
    "comparisons, of which < and > count for two",
  ),
  each(
    "history",
    1,
    ({ history }) => history?.length ?? 0,
    ({ history }, value) => ({ history: history!.slice(-value) }),
    "ids",
  ),
  each(
    "exclude",
    0,
    ({ exclude }) => exclude.length,
    ({ exclude }, value) => ({ exclude: exclude.slice(0, value) }),
    "ids",
  ),
  each(
    "q",
    1,
    (request) => wordsOf(request).length,
    (request, value) => ({ q: wordsOf(request).slice(0, value).join(" ") }),
    "words",
  ),
  each(
    "diversity",
    0,
    ({ diversity }) => diversity,
    () => ({ diversity: 0 }),
  ),
];

function comparisonsOf(filter: Filter): Filter[] {
  if ("not" in filter) return comparisonsOf(filter.not);
  const parts = "and" in filter ? filter.and : "or" in filter ? filter.or : undefined;
  return parts === undefined ? [filter] : parts.flatMap(comparisonsOf);
}

/** The dearest filter that so many of its comparisons make. */
function dearestOf(filter: Filter, value: number): Filter | undefined {
  const all = comparisonsOf(filter);
  const some = all.toSorted((a, b) => filterWork(b) - filterWork(a)).slice(0, value);
  // With a facet among them it may be that few items are left, and all are looked at.
  const facet = all.filter((one) => "facet" in one).slice(0, 1);
  return some.length === 0 ? undefined : { and: [...some, ...facet] };
}

/** Words that may be looked up for the sake of advice: what takes more is taken not to pass. */
const MAX_LOOKED_UP = 192;

/** Prices searches that are like those of a request: each once, and few of their words. */
class Trial {
  readonly #limits: Limits;
  readonly #meter: Meter;
  readonly #prices = new Map<ResolvedSearch, Price>();
  #left = MAX_LOOKED_UP;

  constructor(limits: Limits, meter: Meter) {
    this.#limits = limits;
    this.#meter = meter;
  }

  /** How many times too much they are, where that is known to be more than 1: it may be more than that. */
  over(all: readonly Asked[]): number {
    let sum = NOTHING;
    for (const one of all) sum = sumOf([sum, this.#priceOf(one)]);
    return Math.max(...LIMITED.map((name) => sum[name] / this.#limits[name]));
  }

  fits(all: readonly Asked[]): boolean {
    let words = 0;
    for (const one of all) if (!this.#isKnown(one)) words += wordsOf(one.request).length;
    if (words > this.#left) return false;
    let sum = NOTHING;
    for (const one of all) {
      sum = sumOf([sum, this.#priceOf(one)]);
      if (!isWithin(sum, this.#limits)) return false;
    }
    return true;
  }

  #isKnown(one: Asked): boolean {
    return this.#prices.has(one.request) || isLookedUp(one.served, one.request.q ?? "", useOfText(one));
  }

  #priceOf(one: Asked): Price {
    const { served, request, pricing = priceOf } = one;
    const known = this.#prices.get(request);
    if (known !== undefined) return known;
    if (!this.#isKnown(one)) {
      const words = wordsOf(request).length;
      // Not even parsed.
      if (words > this.#left) return UNKNOWN;
      this.#left -= words;
      this.#meter.add(workOfLookUp(one));
    }
    const own = pricing(served, request);
    this.#prices.set(request, own);
    return own;
  }
}

/** Of what nobody looked at: more than anything. */
const UNKNOWN: Price = { work: Number.POSITIVE_INFINITY, reads: 0, readBytes: 0, bytes: 0 };

/**
 * What to lower, and to what: the one parameter that has to give up least, or several together where none alone is
 * enough. Empty where not even all of them are.
 */
export function adviceFor(all: readonly Asked[], limits: Limits, meter: Meter): ProblemError[] {
  const trial = new Trial(limits, meter);
  const errors: ProblemError[] = [];
  // What some of the fields take is not known: with what all of them take it passes for certain.
  let left: readonly Asked[] = all.map((one) => ({
    ...one,
    request: { ...one.request, fields: undefined },
    price: undefined,
  }));
  for (let levers = LEVERS; levers.length > 0; ) {
    const now = left;
    const options = levers
      .filter((lever) => lever.of(now) > lever.least)
      .map((lever) => {
        const most = lever.of(now);
        const least = lever.lower(now, lever.least);
        const isEnough = trial.fits(least);
        const value = isEnough ? largest(lever, most, (some) => trial.fits(lever.lower(now, some))) : lever.least;
        const kept = lever.parameter === "diversity" ? 0.5 : value / most;
        return { lever, most, value, isEnough, kept, least };
      });
    const enough = options.filter(({ isEnough }) => isEnough).sort((a, b) => b.kept - a.kept)[0];
    const chosen = enough ?? dearestLever(options, trial);
    if (chosen === undefined) return [];
    const { lever, most, value } = chosen;
    const unit = lever.unit === undefined ? "" : ` ${lever.unit}`;
    const together = enough === undefined || errors.length > 0 ? ", together with the others" : "";
    errors.push({ parameter: lever.parameter, detail: `expected at most ${value}${unit}, got ${most}${together}` });
    if (enough !== undefined) return errors;
    left = chosen.least;
    levers = levers.filter((other) => other !== lever);
  }
  return [];
}

/** The one that saves most; of what is not known, that with the shortest list first. */
function dearestLever<O extends { readonly least: readonly Asked[]; readonly value: number; readonly most: number }>(
  options: readonly O[],
  trial: Trial,
): O | undefined {
  const over = new Map(options.map((option) => [option, trial.over(option.least)]));
  const order = (a: number, b: number) => (a === b ? 0 : a - b);
  return options.toSorted((a, b) => order(over.get(a)!, over.get(b)!) || a.value / a.most - b.value / b.most)[0];
}

/** The largest value from the least up to below `most` that fits; the least does. */
function largest({ parameter, least }: Lever, most: number, fits: (value: number) => boolean): number {
  if (parameter === "diversity") return 0;
  let [low, high] = [least, most];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
