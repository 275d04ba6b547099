/** Sheds load: a share of searches, set by an operator in LIMITS, is turned away before it costs anything. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";
import { Problem } from "./problem.ts";

/** @throws Problem `overloaded` */
export const shedLoad: MiddlewareHandler<AppEnv> = function shedLoad(c, next) {
  const { config, random } = c.get("dependencies");
  const { shed } = config.limits;
  if (shed > 0 && random() < shed) throw new Problem("overloaded", "This server answers only some searches for now");
  return next();
};
