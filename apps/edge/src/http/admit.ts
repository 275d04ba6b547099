/** Lets a request in once it is known what it costs: within the budget, and paid for. */
import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";
import { type Asked, chargesOf, checkBudget, checkPrice, overrun, priceOfAll } from "./budget.ts";
import type { Price } from "./price.ts";
import { charge } from "./rate-limit.ts";

/**
 * Prices searches that are asked together.
 * @throws Problem `too-expensive`, or `rate-limited`
 */
export function admit(c: Context<AppEnv>, all: readonly Asked[]): Promise<void> | undefined {
  const { limits } = c.get("dependencies").config;
  const price = priceOfAll(all);
  checkBudget(price, all, limits);
  return begin(c, price, all);
}

/** The same for what has nothing that could be lowered. */
export function admitPrice(c: Context<AppEnv>, price: Price): Promise<void> | undefined {
  checkPrice(price, c.get("dependencies").config.limits);
  return begin(c, price, []);
}

function begin(c: Context<AppEnv>, price: Price, all: readonly Asked[]): Promise<void> | undefined {
  const { config, mayProceed } = c.get("dependencies");
  c.get("meter").begin(price, (limit) => overrun(limit, price, all, config.limits));
  // One unit was taken at the door. Without a limit, not even a promise: this is on the way of every search.
  const more = mayProceed === undefined ? 0 : chargesOf(price, config.limits) - 1;
  return more === 0 ? undefined : charge(c, more);
}
