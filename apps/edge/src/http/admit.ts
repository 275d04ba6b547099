/** Lets a request in once it is known what it costs: within the budget, and paid for. */
import type { Context } from "hono";
import type { AppEnv } from "./app-env.ts";
import { type Asked, chargesOf, checkBudget, overrun, priceOfAll } from "./budget.ts";
import type { Price } from "./price.ts";
import { charge } from "./rate-limit.ts";

/**
 * @param all searches that are asked together; none for what has nothing that could be lowered
 * @throws Problem `too-expensive`, or `rate-limited`
 */
export function admit(
  c: Context<AppEnv>,
  all: readonly Asked[],
  price: Price = priceOfAll(all),
): Promise<void> | undefined {
  const { config, mayProceed } = c.get("dependencies");
  checkBudget(price, all, config.limits);
  c.get("meter").begin(price, (limit) => overrun(limit, price, all, config.limits));
  // One unit was taken at the door. Without a limit, not even a promise: this is on the way of every search.
  const more = mayProceed === undefined ? 0 : chargesOf(price, config.limits) - 1;
  return more === 0 ? undefined : charge(c, more);
}
