/** What an operator sees of a request, once its response is there: headers, lines of log, points of the metrics. */
import type { Context, MiddlewareHandler } from "hono";
import { type Figures, NO_FIGURES } from "../figures.ts";
import { causesOf, type Level, type SlowSearch, type Spent } from "../log.ts";
import type { AppEnv, Failure } from "./app-env.ts";
import { keepNothingUnsaid } from "./caching.ts";
import type { Meter } from "./meter.ts";
import { type ProblemType, statusOf } from "./problem.ts";
import { PARAMETER_NAMES } from "./requests.ts";

/** Told by count: whoever attacks makes thousands of them a second. */
const REFUSALS: ReadonlySet<ProblemType> = new Set(["unauthorized", "rate-limited", "too-expensive", "overloaded"]);
/** A search is slow that took more than this share of a limit, */
const SLOW_SHARE = 0.5;
/** or waited so long for I/O, its turn included. */
const SLOW_MS = 1000;

/** See the head of this file. */
export const observe: MiddlewareHandler<AppEnv> = async function observe(c, next) {
  const { now, log, repeats, config, record } = c.get("dependencies");
  const startedAt = now();
  c.set("waits", {});
  await next();
  addHeaders(c);
  const { status } = c.res;
  const endedAt = now();
  repeats.tell(endedAt, log);
  const failure = c.get("failure");
  const meter = c.get("meter");
  const ioMs = endedAt - startedAt;
  const much = status < 400 ? muchOf(meter, ioMs) : [];
  const isRefused = failure !== undefined && REFUSALS.has(failure.problem.type);
  const isLogged = config.logRequests || (status >= 500 && !isRefused);
  if (!isLogged && !isRefused && much.length === 0) return;

  const line = {
    requestId: c.get("requestId"),
    path: c.req.path.slice(0, 200),
    status,
    index: c.get("index"),
    indexVersion: c.get("indexVersion"),
    ...spentBy(meter),
  };
  if (isRefused) {
    const parameters = failure.problem.errors?.map(({ parameter }) => parameter);
    const refused = { level: "warn", event: "refused", ...line, ...reasonOf(failure), parameters } as const;
    repeats.say(failure.problem.type, refused, endedAt, log);
  }
  if (much.length > 0) repeats.say("slow", { level: "warn", event: "slow-search", ...line, ioMs, much }, endedAt, log);
  if (isLogged) {
    const method = c.req.method.slice(0, 20);
    const reason = failure && (status < 500 ? outlineOf(failure) : reasonOf(failure));
    log({ level: levelOf(status), event: "request", ...line, method, ioMs, ...reason });
  }
  if (failure !== undefined && (isRefused || status >= 500)) record?.(figuresOf(c, failure));
};

function addHeaders(c: Context<AppEnv>): void {
  keepNothingUnsaid(c);
  const timings = Object.entries(c.get("waits")).map(([name, ms]) => `${name};dur=${ms}`);
  const { reads, bytes, cached, waitedMs } = c.get("meter");
  if (waitedMs > 0) timings.push(`turn;dur=${waitedMs}`);
  const fromCache = cached > 0 ? `, ${cached} cached` : "";
  if (reads + cached > 0) timings.push(`kv;desc="${reads} reads, ${bytes} bytes${fromCache}"`);
  if (timings.length > 0) c.header("Server-Timing", timings.join(", "));
  const index = c.get("index");
  // Who was turned away at the door, or asked for no index, hears of none.
  const failure = index === undefined ? undefined : c.get("dependencies").indexes.refreshFailure(index);
  if (failure !== undefined) c.header("Index-Refresh-Failure", failure);
}

/** What a search took much of; nothing for what was not priced, and so is no search. */
function muchOf({ work, reads, cached, limits }: Meter, ioMs: number): SlowSearch["much"] {
  if (work === 0) return [];
  const much: SlowSearch["much"][number][] = [];
  if (work > SLOW_SHARE * limits.work) much.push("work");
  if (reads + cached > SLOW_SHARE * limits.reads) much.push("reads");
  if (ioMs >= SLOW_MS) much.push("ioMs");
  return much;
}

/** A point of a request that was refused or failed. */
function figuresOf(c: Context<AppEnv>, { problem }: Failure): Figures {
  const { reads, bytes, cached, work, waitedMs } = c.get("meter");
  const { index = NO_FIGURES.index, indexVersion = NO_FIGURES.indexVersion } = c.var;
  const status = statusOf(problem.type);
  return { ...NO_FIGURES, index, indexVersion, outcome: problem.type, status, reads, bytes, cached, work, waitedMs };
}

/** Nothing of what neither was priced nor read anything. */
function spentBy({ reads, bytes, cached, work, waitedMs }: Meter): Spent {
  if (work === 0 && reads === 0 && cached === 0) return {};
  return { reads, bytes, ...(cached > 0 && { cached }), work, waitedMs };
}

/** What of a client's mistake is told for each request: never what it sent. */
function outlineOf({ problem: { type, errors } }: Failure) {
  return { problem: type, parameters: errors?.map(({ parameter }) => namesOnly(parameter)) };
}

/** Names of parameters are the client's own words where they are unknown: those of context, and any other. */
function namesOnly(parameter: string): string {
  const [, place = "", name = parameter] = /^(\d+\.)?(.*)$/s.exec(parameter) ?? [];
  const [known = ""] = name.split(".");
  return place + (PARAMETER_NAMES.has(known) ? known : known === "" ? "" : "unknown");
}

function reasonOf({ problem, error }: Failure) {
  // Only a server's own failure is told with what caused it: what a client did wrong may have its words in it.
  const causes = statusOf(problem.type) < 500 ? undefined : causesOf(error);
  return { problem: problem.type, detail: problem.message, causes };
}

function levelOf(status: number): Level {
  return status < 500 ? "info" : status === 503 ? "warn" : "error";
}
