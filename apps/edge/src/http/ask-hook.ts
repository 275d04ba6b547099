/** Whatever a hook or somebody else's middleware throws or returns, the request ends as it is promised to. */
import type { MiddlewareHandler } from "hono";
import { thrownText } from "../log.ts";
import { Problem } from "./problem.ts";

/** A hook failed: a 500, whatever it threw. What it threw is the cause. */
export class HookError extends Error {
  override readonly name = "HookError";
}

/**
 * What a hook says.
 * @throws Problem that the hook threw
 * @throws HookError for anything else that it threw: an error of a kind that is a 400 elsewhere is none here
 */
export async function askHook<T>(name: string, ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    if (thrown instanceof Problem) throw thrown;
    throw new HookError(`${name} threw ${thrownText(thrown)}`, { cause: thrown });
  }
}

/** The error that a hook threw, where it is one: whoever wrote it looks for its stack. */
export function ownError(error: Error): Error {
  return error instanceof HookError && error.cause instanceof Error ? error.cause : error;
}

/** Anything may be thrown, but Hono hands only errors to an error handler. */
export const throwErrors: MiddlewareHandler = async function throwErrors(_, next) {
  try {
    await next();
  } catch (thrown) {
    throw thrown instanceof Error ? thrown : new Error(`Thrown: ${thrownText(thrown)}`, { cause: thrown });
  }
};
