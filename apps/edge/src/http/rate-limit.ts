/** The rate limit, when one is bound: a budget of each address before any token is looked at, then one of the token. */
import type { Context, MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";
import { clientAddress, networkOf } from "./client-address.ts";
import { Problem } from "./problem.ts";

/** Seconds after which to try again where the limiter does not say: its period may be shorter, or end before. */
const RETRY_AFTER = 60;

/**
 * Takes one unit of the address's budget for every request: a guessed token, an unknown path, a probe, a 304.
 * @throws Problem `rate-limited`
 */
export const limitByAddress: MiddlewareHandler<AppEnv> = function limitByAddress(c, next) {
  const { mayProceed, addressOf = clientAddress } = c.get("dependencies");
  // Without a limit, not even a promise: this is on the way of every search.
  if (mayProceed === undefined) return next();
  const address = addressOf(c.req.raw, c.env);
  c.set("client", `address:${address === undefined ? "unknown" : networkOf(address)}`);
  return charge(c, 1, 0).then(next);
};

/** From here on the budget is that of the token with this number. @throws Problem `rate-limited` */
export async function limitByToken(c: Context<AppEnv>, token: number): Promise<void> {
  c.set("client", `token:${token}`);
  await charge(c, 1, 0);
}

/**
 * Takes units of the budget of whoever asks: of the token once it has been matched, else of the address.
 * @param units whole, from 1
 * @param before units that were taken of it before: that at the door
 * @throws Problem `rate-limited` at the first that is not left
 */
export async function charge(c: Context<AppEnv>, units: number, before = 1): Promise<void> {
  const { mayProceed } = c.get("dependencies");
  const client = c.get("client");
  if (mayProceed === undefined || client === undefined) return;
  for (let i = 0; i < units; i++) {
    const verdict = await mayProceed(client);
    if (verdict === true) continue;
    const { retryAfter = RETRY_AFTER, most } = verdict === false ? {} : verdict;
    c.header("Retry-After", String(retryAfter));
    const all = units + before;
    const isNever = most !== undefined && all > most;
    throw new Problem(
      "rate-limited",
      isNever
        ? `This request counts for ${all} of the ${most} that a client has: it can never pass`
        : "This client sends more requests than the configured limit allows",
    );
  }
}
