/** What an operator sees of a request, once its response is there: headers and lines of log. */
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import type { Context, MiddlewareHandler } from "hono";
import { causesOf, type Level } from "../log.ts";
import type { AppEnv, Failure } from "./app-env.ts";
import { type ProblemType, statusOf } from "./problem.ts";
import { Repeats } from "./repeats.ts";

/** Told by count: whoever attacks makes thousands of them a second. */
const REFUSALS: ReadonlySet<ProblemType> = new Set(["unauthorized", "rate-limited"]);

/** One for each app, as it counts what repeats. */
export function makeObserve(): MiddlewareHandler<AppEnv> {
  const repeats = new Repeats();
  return async function observe(c, next) {
    const { now, log, config } = c.get("dependencies");
    const startedAt = now();
    c.set("waits", {});
    await next();
    addHeaders(c);
    const { status } = c.res;
    const endedAt = now();
    const failure = c.get("failure");
    const line = {
      requestId: c.get("requestId"),
      path: c.req.path.slice(0, 200),
      status,
      index: c.get("index") ?? DEFAULT_INDEX_NAME,
      indexVersion: c.get("indexVersion"),
    };
    const isRefused = failure !== undefined && REFUSALS.has(failure.problem.type);
    if (isRefused) {
      const parameters = failure.problem.errors?.map(({ parameter }) => parameter);
      const refused = { level: "warn", event: "refused", ...line, ...reasonOf(failure), parameters } as const;
      repeats.say(failure.problem.type, refused, endedAt, log);
    } else repeats.tell(endedAt, log);
    if (!config.logRequests && (status < 500 || isRefused)) return;
    const method = c.req.method.slice(0, 20);
    const reason = failure === undefined || status < 500 ? undefined : reasonOf(failure);
    log({ level: levelOf(status), event: "request", ...line, method, ioMs: endedAt - startedAt, ...reason });
  };
}

function addHeaders(c: Context<AppEnv>): void {
  const waits = Object.entries(c.get("waits"));
  if (waits.length > 0) c.header("Server-Timing", waits.map(([name, ms]) => `${name};dur=${ms}`).join(", "));
  const index = c.get("index");
  // Who was turned away at the door, or asked for no index, hears of none.
  const failure = index === undefined ? undefined : c.get("dependencies").indexes.refreshFailure(index);
  // Header values are Latin-1 without line ends; a key in a message may hold anything.
  if (failure !== undefined) c.header("Index-Refresh-Failure", failure.slice(0, 300).replace(/[^\x20-\x7e]/g, "?"));
}

function reasonOf({ problem, error }: Failure) {
  // Only a server's own failure is told with what caused it: what a client did wrong may have its words in it.
  const causes = statusOf(problem.type) < 500 ? undefined : causesOf(error);
  return { problem: problem.type, detail: problem.message, causes };
}

function levelOf(status: number): Level {
  return status < 500 ? "info" : status === 503 ? "warn" : "error";
}
