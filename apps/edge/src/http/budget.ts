/** Refuses what costs more than one may, and says what to lower: to a value with which it passes. */
import { quote } from "@poeem/pq-core";
import type { Limits } from "../limits.ts";
import { adviceFor } from "./advice.ts";
import { type Asked, hasText, isWithin, LIMITED, priceOfAsked, workOfLookUp } from "./asked.ts";
import { textsToEmbed } from "./embedded.ts";
import type { Meter } from "./meter.ts";
import { NOTHING, type Price, priceOf, sumOf } from "./price.ts";
import { Problem, type ProblemError } from "./problem.ts";

/** The limiter of rates is asked once for each started tenth of the work that one may ask for. */
const CHARGES = 10;

/** How often a request counts for the limiter of rates: 1 for a light one, ten times at most. */
export function chargesOf({ work }: Pick<Price, "work">, limits: Limits): number {
  return Math.min(CHARGES, Math.max(1, Math.ceil((CHARGES * work) / limits.work)));
}

/**
 * What several searches cost together. What needs no look at words is summed up first, and nothing is looked up once
 * that is too much: of long texts it costs as much as searches do, and is part of their price.
 * @param meter is told of what was done for a request that is refused
 * @throws Problem `too-expensive` for searches that together cost more than one may
 */
export function priceWithin(all: readonly Asked[], meter: Meter): Price {
  const { limits } = meter;
  checkValues(all, limits);
  let lookedUp = 0;
  let sum = NOTHING;
  const add = (more: Price) => {
    sum = sumOf([sum, more]);
    checkPrice(sum, limits, () => {
      meter.add(lookedUp);
      return adviceFor(all, limits, meter);
    });
  };
  const least = all.map((one) => {
    const { served, request, pricing = priceOf } = one;
    const price = hasText(one) ? pricing(served, request, true) : priceOfAsked(one);
    add(price);
    return price;
  });
  for (const [i, one] of all.entries()) {
    if (!hasText(one)) continue;
    lookedUp += workOfLookUp(one);
    const { work, reads, readBytes, bytes } = least[i]!;
    const whole = priceOfAsked(one);
    add({
      work: whole.work - work,
      reads: whole.reads - reads,
      readBytes: whole.readBytes - readBytes,
      bytes: whole.bytes - bytes,
    });
  }
  return sum;
}

/** @throws Problem `too-expensive` for more searches than one request may have */
export function checkBatch(number: number, { batch }: Limits): void {
  checkValue("batch", number, batch);
}

/**
 * @param advice what to lower; left out: there is nothing that could be
 * @throws Problem `too-expensive`
 */
export function checkPrice(price: Price, limits: Limits, advice: () => readonly ProblemError[] = () => []): void {
  if (isWithin(price, limits)) return;
  const { limit, times } = dearest(price, limits);
  throw refusal(`would take at least ${times} times the ${NAMES[limit]} that one request may`, advice());
}

/** What the meter says of a request that took more than its price. */
export function overrun(limit: "reads" | "work", price: Price, all: readonly Asked[], meter: Meter): Problem {
  const { limits } = meter;
  // What it was thought to take was too little: what takes half of that is likely to pass.
  const least = Math.floor(Math.min(price[limit], limits[limit]) / 2);
  return refusal(
    `took more than the ${NAMES[limit]} that one request may`,
    adviceFor(all, { ...limits, [limit]: least }, meter),
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
function checkValues(all: readonly Asked[], { k, nprobe, texts: most }: Limits): void {
  for (const { request, pricing } of all) {
    if (pricing !== undefined) continue;
    checkValue("k", request.k, k);
    checkValue("nprobe", request.nprobe, nprobe);
  }
  const texts = textsToEmbed(all).size;
  if (texts > most)
    throw refusal("asks for more than is allowed here", [
      { parameter: "q", detail: `expected at most ${most} different texts to embed in one request, got ${texts}` },
    ]);
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
