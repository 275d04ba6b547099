/** Lets a request in once it is known what it costs: within the budget, and paid for. */
import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";
import type { Asked } from "./asked.ts";
import { chargesOf, checkPrice, overrun, priceWithin } from "./budget.ts";
import type { Price } from "./price.ts";
import { charge } from "./rate-limit.ts";

/**
 * Prices searches that are asked together. A refusal is paid for as well: with what was done to find out.
 * @throws Problem `too-expensive`, or `rate-limited`
 */
export function admit(c: Context<AppEnv>, all: readonly Asked[]): Promise<void> | undefined {
  let price: Price;
  try {
    price = priceWithin(all, c.get("meter"));
  } catch (problem) {
    return Promise.resolve(chargeFor(c, c.get("meter").work)).then(() => {
      throw problem;
    });
  }
  return begin(c, price, all);
}

/** The same for what has nothing that could be lowered. */
export function admitPrice(c: Context<AppEnv>, price: Price): Promise<void> | undefined {
  checkPrice(price, c.get("dependencies").config.limits);
  return begin(c, price, []);
}

function begin(c: Context<AppEnv>, price: Price, all: readonly Asked[]): Promise<void> | undefined {
  const meter = c.get("meter");
  const work = meter.work + price.work;
  meter.begin(price, (limit) => overrun(limit, price, all, meter));
  return chargeFor(c, work);
}

/**
 * Takes units of the budget of rates for all the work of a request so far, less those that it has paid.
 * @throws Problem `rate-limited`
 */
export function chargeFor(c: Context<AppEnv>, work: number): Promise<void> | undefined {
  const { config, mayProceed } = c.get("dependencies");
  // Without a limit, not even a promise: this is on the way of every search.
  if (mayProceed === undefined) return undefined;
  const more = c.get("meter").take(chargesOf({ work }, config.limits));
  return more === 0 ? undefined : charge(c, more);
}
