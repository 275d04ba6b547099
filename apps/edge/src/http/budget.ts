/** Refuses what costs more than one may, and says what to lower: to a value with which it passes. */
import { type Filter, quote } from "@poeem/pq-core";
import type { ServedIndex } from "../index/served-index.ts";
import type { Limits } from "../limits.ts";
import type { Meter } from "./meter.ts";
import { filterWork, NOTHING, type Price, priceOf, priceOfSuggestions, sumOf } from "./price.ts";
import { Problem, type ProblemError } from "./problem.ts";
import type { ResolvedSearch } from "./resolve.ts";

/** A search and the index that it asks. */
export interface Asked {
  readonly served: ServedIndex;
  readonly request: ResolvedSearch;
  /** Left out: that of a search. */
  readonly price?: ((served: ServedIndex, request: ResolvedSearch) => Price) | undefined;
}

/** Suggestions, which have a price of their own. */
export function suggestionsAsked(served: ServedIndex, q: string, k: number, index: string): Asked {
  const request = { ...{ q, k, index, nprobe: 1, exclude: [], diversity: 0 }, mode: "words" as const };
  return { served, request, price: (_, { q = "", k }) => priceOfSuggestions(served, q, k) };
}

/** The limiter of rates is asked once for each started tenth of the work that one may ask for. */
const CHARGES = 10;

/** How often a request counts for the limiter of rates: 1 for a light one. */
export function chargesOf({ work }: Price, limits: Limits): number {
  return Math.max(1, Math.ceil((CHARGES * work) / limits.work));
}

/** What several searches cost together. */
export function priceOfAll(all: readonly Asked[]): Price {
  return sumOf(all.map(({ served, request, price = priceOf }) => price(served, request)));
}

/** @throws Problem `too-expensive` for searches that together cost more than one may */
export function checkBudget(price: Price, all: readonly Asked[], limits: Limits): void {
  checkValues(all, limits);
  if (isWithin(price, limits)) return;
  const { limit, times } = dearest(price, limits);
  throw refusal(`would take ${times} times the ${NAMES[limit]} that one request may`, adviceFor(all, limits));
}

/** @throws Problem `too-expensive` for more searches than one request may have */
export function checkBatch(number: number, { batch }: Limits): void {
  checkValue("batch", number, batch);
}

/** @throws Problem for a request without anything that could be lowered */
export function checkPrice(price: Price, limits: Limits): void {
  if (isWithin(price, limits)) return;
  const { limit, times } = dearest(price, limits);
  throw refusal(`would take ${times} times the ${NAMES[limit]} that one request may`, []);
}

/** What the meter says of a request that took more than its price. */
export function overrun(limit: "reads" | "work", price: Price, all: readonly Asked[], limits: Limits): Problem {
  // What it was thought to take was too little: what takes half of that is likely to pass.
  const least = Math.floor(Math.min(price[limit], limits[limit]) / 2);
  return refusal(
    `took more than the ${NAMES[limit]} that one request may`,
    adviceFor(all, { ...limits, [limit]: least }),
  );
}

/** What is said of an answer that is too long. @param largest bytes of its largest result so far */
export function tooLong(largest: number, k: number, meter: Meter): Problem {
  const { limits, answers, answerBytes } = meter;
  if (answers > 0)
    return refusal(`has answers of more than ${limits.bytes} bytes together`, [
      { parameter: "batch", detail: `expected at most ${answers} searches like these` },
    ]);
  const most = Math.floor((limits.bytes - answerBytes) / largest);
  const advice = most >= 1 && most < k ? [{ parameter: "k", detail: `expected at most ${most}, got ${k}` }] : [];
  return refusal(`has an answer of more than ${limits.bytes} bytes`, advice);
}

const NAMES = { work: "work", reads: "reads of the index", bytes: "bytes of an answer" } as const;
const LIMITED = Object.keys(NAMES) as (keyof typeof NAMES)[];

function isWithin(price: Price, limits: Limits): boolean {
  return LIMITED.every((name) => price[name] <= limits[name]);
}

function dearest(price: Price, limits: Limits) {
  const over = (name: keyof typeof NAMES) => price[name] / limits[name];
  const limit = LIMITED.reduce((a, b) => (over(b) > over(a) ? b : a));
  return { limit, times: inWords(over(limit)) };
}

/** How many times, so that it never reads as once: 1.04, 3.2, 79,000. */
function inWords(times: number): string {
  let digits = 2;
  while (Number(times.toPrecision(digits)) <= 1 && digits < 17) digits++;
  return Number(times.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 17 });
}

/** Limits that are values of parameters. */
function checkValues(all: readonly Asked[], { k, nprobe }: Limits): void {
  for (const { request, price } of all) {
    if (price !== undefined) continue;
    checkValue("k", request.k, k);
    checkValue("nprobe", request.nprobe, nprobe);
  }
}

function checkValue(parameter: string, value: number, most: number): void {
  if (value <= most) return;
  throw refusal("asks for more than is allowed here", [
    { parameter, detail: `expected at most ${most}, got ${value}` },
  ]);
}

function refusal(why: string, errors: readonly ProblemError[]): Problem {
  const advice = errors.map(({ parameter, detail }) => `${quote(parameter)} ${detail}`).join(", and ");
  const more = advice === "" ? "no single parameter that could be lowered makes it pass" : advice;
  return new Problem("too-expensive", `This request ${why}: ${more}`, errors);
}

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
        return of(request) > value ? { ...one, request: { ...request, ...lower(request, value) } } : one;
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

/**
 * What to lower, and to what: the one parameter that has to give up least, or several together where none alone is
 * enough. Empty where not even all of them are.
 */
function adviceFor(all: readonly Asked[], limits: Limits): ProblemError[] {
  const fits = (some: readonly Asked[]) => isWithin(some.length === 0 ? NOTHING : priceOfAll(some), limits);
  const errors: ProblemError[] = [];
  // What some of the fields take is not known: with what all of them take it passes for certain.
  let left: readonly Asked[] = all.map((one) => ({ ...one, request: { ...one.request, fields: undefined } }));
  for (let levers = LEVERS; levers.length > 0; ) {
    const now = left;
    const options = levers
      .filter((lever) => lever.of(now) > lever.least)
      .map((lever) => {
        const most = lever.of(now);
        const isEnough = fits(lever.lower(now, lever.least));
        const value = isEnough ? largest(lever, most, (some) => fits(lever.lower(now, some))) : lever.least;
        return { lever, most, value, isEnough, kept: lever.parameter === "diversity" ? 0.5 : value / most };
      });
    const enough = options.filter(({ isEnough }) => isEnough).sort((a, b) => b.kept - a.kept)[0];
    const dearest = (some: readonly Asked[]) => {
      const price = priceOfAll(some);
      return Math.max(...LIMITED.map((name) => price[name] / limits[name]));
    };
    const chosen =
      enough ?? options.sort((a, b) => dearest(a.lever.lower(now, a.value)) - dearest(b.lever.lower(now, b.value)))[0];
    if (chosen === undefined) return [];
    const { lever, most, value } = chosen;
    const unit = lever.unit === undefined ? "" : ` ${lever.unit}`;
    const together = enough === undefined || errors.length > 0 ? ", together with the others" : "";
    errors.push({ parameter: lever.parameter, detail: `expected at most ${value}${unit}, got ${most}${together}` });
    if (enough !== undefined) return errors;
    left = lever.lower(now, value);
    levers = levers.filter((other) => other !== lever);
  }
  return [];
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
