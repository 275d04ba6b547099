/** The Hono app: which middleware, which routes, and what each of them does. */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import { InputError } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { IndexUnavailableError, OverloadedError, UnknownIndexError, unknownIndex } from "../index/errors.ts";
import type { ServedIndex } from "../index/served-index.ts";
import { thrownText, writeLog } from "../log.ts";
import { Repeats } from "../repeats.ts";
import { admit, admitPrice } from "./admit.ts";
import type { AppEnv, Dependencies } from "./app-env.ts";
import { askHook, HookError, ownError, throwErrors } from "./ask-hook.ts";
import { type Asked, priceOfAsked, suggestionsAsked } from "./asked.ts";
import { checkBatch } from "./budget.ts";
import { answeredByCache, cacheScope, matchAny } from "./caching.ts";
import { logOverlap } from "./canary.ts";
import { describeIndex, describeState } from "./describe.ts";
import { embedTexts } from "./embed-texts.ts";
import { textToEmbed } from "./embedded.ts";
import { hookContext, inBackground } from "./hook-context.ts";
import { Meter } from "./meter.ts";
import { browserHeaders, limitUrl, shareAcrossOrigins } from "./middleware.ts";
import { observe } from "./observe.ts";
import { openApiInfo } from "./openapi.ts";
import { invalidRequest, onlyParameters, zodErrors } from "./parameters.ts";
import { priceOfFacets, priceOfItem } from "./price.ts";
import { Problem, problemResponse, statusOf } from "./problem.ts";
import { problemOf } from "./question.ts";
import { limitByAddress } from "./rate-limit.ts";
import { MAX_BATCH_RESULTS, madeSearch, QUERY_KINDS, type SearchRequest, withNamed } from "./requests.ts";
import { type ResolvedSearch, resolveSearch } from "./resolve.ts";
import {
  facetsRoute,
  healthRoute,
  itemRoute,
  readyRoute,
  searchManyRoute,
  searchRoute,
  suggestRoute,
  versionRoute,
} from "./routes.ts";
import { findItem, listFacets, search, suggestTexts } from "./search.ts";

/** Of the app itself: `/` and `/reference` are files of the page, where there is one. */
const paths = "/search, /suggest, /items/{id}, /facets, /version, /healthz, /readyz and /openapi.json";

/** The app with all its routes; from its type the client is made. */
export type RetrievalApp = ReturnType<typeof createRoutes>;

/**
 * The app with all its routes. What goes wrong becomes a problem response.
 * @param version of the code
 * @param dependenciesOf what the bindings of a request lead to; the same for all requests
 * @param log takes what `dependenciesOf` throws, which becomes a problem `misconfigured`
 */
export function createRoutes(
  version: string,
  dependenciesOf: (env: object) => Dependencies,
  log: Dependencies["log"] = writeLog,
) {
  const app = new OpenAPIHono<AppEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(zodErrors(result.error));
    },
  });
  const misconfigured = new Repeats();
  app.use(requestId());
  app.use(throwErrors);
  app.use(function provideDependencies(c, next) {
    c.set("version", version);
    const dependencies = dependenciesOf(c.env ?? {});
    c.set("dependencies", dependencies);
    c.set("meter", new Meter(dependencies.config.limits));
    return next();
  });
  app.use(observe);
  app.use(browserHeaders);
  app.use(shareAcrossOrigins);
  // Before the limit of rates: it does nothing, and a monitor that is turned away would call the Worker dead.
  const withHealth = app.openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200));
  app.use(limitByAddress);
  app.use(limitUrl);
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => answerMethod(c, [...methods, "OPTIONS"]) }));
  app.use(matchAny);
  app.notFound((c) => problemResponse(c, new Problem("not-found", `The paths are ${paths}`)));
  app.onError((error, c) => {
    // Bindings or variables that nothing can be made of: the mistake of whoever deploys, whom the log tells more.
    if (c.get("dependencies") === undefined) {
      misconfigured.say("misconfigured", faultLine(error, c), Date.now(), log);
      return problemResponse(c, new Problem("misconfigured", "The log names it"));
    }
    const problem = toProblem(error, c);
    c.set("failure", { problem, error });
    if (statusOf(problem.type) >= 500) tellHook(ownError(error), c);
    return problemResponse(c, problem);
  });

  app.get("/openapi.json", onlyParameters([]), (c) => {
    c.header("Cache-Control", `${cacheScope(c)}, max-age=300`);
    return c.json(app.getOpenAPI31Document(openApiInfo(version)));
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });

  return withHealth
    .openapi(searchRoute, async (c) => {
      const asked = withNamed(c.req.valid("query"));
      checkOpen(c, asked.index);
      const query = await rewrite(c, asked);
      const served = await acquire(c, query.index);
      const request = resolveSearch(served, query, c.get("dependencies").config.limits);
      const cached = cachedSearch(c, served, request);
      if (cached) return cached as never;
      const one = { served, request };
      await admit(c, [one]);
      const [embedded] = await withEmbeddings(c, [one]);
      return c.json(await answer(c, embedded!), 200);
    })
    .openapi(searchManyRoute, async (c) => {
      const body = c.req.valid("json");
      const asked = Array.isArray(body) ? body : [body];
      for (const { index } of asked) checkOpen(c, index);
      const many: SearchRequest[] = [];
      for (const search of asked) many.push(await rewrite(c, search));
      const { limits } = c.get("dependencies").config;
      checkBatch(many.length, limits);
      const total = many.reduce((sum, { k }) => sum + k, 0);
      if (total > MAX_BATCH_RESULTS)
        throw invalidRequest([
          { parameter: "k", detail: `expected at most ${MAX_BATCH_RESULTS} in all searches together, got ${total}` },
        ]);
      const indexes = new Map<string, ServedIndex>();
      for (const { index } of many) if (!indexes.has(index)) indexes.set(index, await acquire(c, index));
      // All are checked before the first is run: a batch is answered or refused as a whole.
      const searches = many.map((request) => {
        const served = indexes.get(request.index)!;
        return { served, request: resolveSearch(served, request, limits) };
      });
      await admit(c, searches);
      const answers = [];
      const embedded = await withEmbeddings(c, searches);
      for (const one of embedded) answers.push(await answer(c, one, one === embedded.at(-1)));
      c.header("Cache-Control", "no-store");
      return c.json(Array.isArray(body) ? answers : answers[0]!, 200);
    })
    .openapi(suggestRoute, async (c) => {
      const { q, k, index } = c.req.valid("query");
      const served = await acquireOpen(c, index);
      const cached = answeredByCache(c, served.version, { suggest: q, k });
      if (cached) return cached as never;
      const one = suggestionsAsked(served, q, k, index);
      await admit(c, [one]);
      return c.json(await timed(c, "suggest", () => suggestTexts(one, c.get("meter"))), 200);
    })
    .openapi(itemRoute, async (c) => {
      const served = await acquireOpen(c, c.req.valid("query").index);
      const { id } = c.req.valid("param");
      await admitPrice(c, priceOfItem(served));
      const item = await timed(c, "item", () => findItem(served, id, c.get("meter")));
      const cached = answeredByCache(c, served.version, { item: id });
      if (cached) return cached as never;
      return c.json(item, 200);
    })
    .openapi(facetsRoute, async (c) => {
      const served = await acquireOpen(c, c.req.valid("query").index);
      const cached = answeredByCache(c, served.version, { facets: true });
      if (cached) return cached as never;
      await admitPrice(c, priceOfFacets(served));
      return c.json(await timed(c, "facets", () => listFacets(served, c.get("meter"))), 200);
    })
    .openapi(readyRoute, async (c) => {
      const { index } = c.req.valid("query");
      // Of the default index it is the first search: whoever deploys waits for this answer, and so warms it up.
      const served = index === DEFAULT_INDEX_NAME ? await acquire(c, index) : namedServing(c, index);
      if (!c.get("dependencies").indexes.isWhole(index))
        throw new IndexUnavailableError(`Version ${served.version} serves, but parts of it cannot be read`);
      c.header("Cache-Control", "no-store");
      const { shed } = c.get("dependencies").config.limits;
      return c.json({ status: "ready" as const, indexVersion: served.version, ...(shed > 0 && { shed }) }, 200);
    })
    .openapi(versionRoute, async (c) => {
      const { index } = c.req.valid("query");
      // Never waits for the default index: the version of the code must be visible without one.
      const served =
        index === DEFAULT_INDEX_NAME ? c.get("dependencies").indexes.current(index) : namedServing(c, index);
      c.set("index", index);
      c.header("Cache-Control", "no-store");
      return c.json(
        {
          name: "poeem-edge" as const,
          version,
          index: served ? describeIndex(index, served) : null,
          ...describeState(c.get("dependencies"), index),
        },
        200,
      );
    });
}

/**
 * Refuses an index that the token does not open, without a look at the store: as it refuses one that is not there.
 * @throws Problem `not-found`
 */
function checkOpen(c: Context<AppEnv>, name: string): void {
  if (c.get("opens")?.has(name) === false) throw notFound(name);
}

function notFound(name: string, options?: ErrorOptions): Problem {
  return new Problem("not-found", unknownIndex(name), undefined, options);
}

/**
 * A named index, if it is in memory: a probe makes nobody read one. Of one that is not it learns no more than that its
 * name is listed in the settings, or that a search has failed.
 * @throws Problem `not-found`, IndexUnavailableError
 */
function namedServing(c: Context<AppEnv>, name: string): ServedIndex {
  checkOpen(c, name);
  const { indexes, config } = c.get("dependencies");
  const served = indexes.current(name);
  if (served === undefined) {
    const failure = indexes.refreshFailure(name);
    if (failure === undefined && !config.indexes?.includes(name)) throw notFound(name);
    c.set("index", name);
    throw new IndexUnavailableError(
      failure === undefined
        ? `Index "${name}" was not read in this isolate yet: a search reads it`
        : `Index "${name}" cannot be read now: ${failure}`,
    );
  }
  c.set("index", name);
  c.set("indexVersion", served.version);
  return served;
}

/** As {@link acquire}, of an index that the request itself names. @throws Problem `not-found` */
function acquireOpen(c: Context<AppEnv>, name: string): Promise<ServedIndex> {
  checkOpen(c, name);
  return acquire(c, name);
}

/** The index of this request: one version from first to last. */
async function acquire(c: Context<AppEnv>, name: string): Promise<ServedIndex> {
  c.set("index", name);
  try {
    const served = await timed(c, "index", () =>
      c.get("dependencies").indexes.acquire(name, (promise) => inBackground(c, promise), c.get("meter")),
    );
    c.set("indexVersion", served.version);
    return served;
  } catch (error) {
    // Whether it is absent or not among those that are served is for nobody to know.
    throw error instanceof UnknownIndexError ? notFound(name, { cause: error }) : error;
  }
}

/** Of what needs no embedding nobody waits for one. */
function withEmbeddings(c: Context<AppEnv>, all: readonly Asked[]): readonly Asked[] | Promise<readonly Asked[]> {
  const isNeeded = all.some(({ served, request }) => textToEmbed(served, request) !== undefined);
  return isNeeded ? timed(c, "encoder", () => embedTexts(c, all)) : all;
}

/** @param isLast of the searches of this request: nothing else reads while a canary does, from what is left to it */
async function answer(c: Context<AppEnv>, asked: Asked, isLast = true) {
  const { served, request } = asked;
  const { record, random, config, hooks } = c.get("dependencies");
  const meter = c.get("meter");
  const response = await timed(c, "search", () => search(asked, meter));
  record?.({
    ...response,
    index: request.index,
    kind: QUERY_KINDS.find((name) => request[name] !== undefined)!,
    outcome: "answered",
    results: response.results.length,
    status: 200,
    ...meter.takeReads(),
    work: priceOfAsked(asked).work,
    waitedMs: meter.waitedMs,
  });
  if (isLast && random() < config.canaryShare && response.mode !== "words") {
    const limits = { ...config.limits, reads: config.limits.reads - meter.reads - meter.cached };
    // It is about cells: words would find the same items whatever cells are visited.
    inBackground(c, logOverlap(served, { ...request, mode: "dense" }, limits, c.get("dependencies")));
  }
  const { afterSearch } = hooks;
  if (afterSearch === undefined) return response;
  const changed = (await askHook("afterSearch", () => afterSearch(response, request, hookContext(c)))) ?? response;
  if (typeof changed !== "object") throw new HookError(`afterSearch expected an answer, got a ${typeof changed}`);
  return changed;
}

/** What a hook makes of a search. @throws HookError for what is no search, which is nothing that the client did */
async function rewrite(c: Context<AppEnv>, asked: SearchRequest): Promise<SearchRequest> {
  const { hooks } = c.get("dependencies");
  const { beforeSearch } = hooks;
  if (beforeSearch === undefined) return asked;
  const made: unknown = await askHook("beforeSearch", () => beforeSearch(asked, hookContext(c)));
  if (made === undefined || made === null || made === asked) return asked;
  const { data, error } = madeSearch.safeParse(made);
  if (data !== undefined) return data;
  const faults = zodErrors(error).map(({ parameter, detail }) => `${parameter}: ${detail}`);
  throw new HookError(`beforeSearch gave a search that cannot be asked: ${faults.join("; ")}`);
}

/** As {@link answeredByCache}, unless a hook sees every answer: it may say something else each time. */
function cachedSearch(c: Context<AppEnv>, served: ServedIndex, request: ResolvedSearch): Response | undefined {
  if (c.get("dependencies").hooks.afterSearch === undefined) return answeredByCache(c, served.version, request);
  c.header("Cache-Control", "no-store");
  return undefined;
}

/** Adds the time that `run` waited for I/O to the Server-Timing of the response. */
async function timed<T>(c: Context<AppEnv>, name: string, run: () => Promise<T>): Promise<T> {
  const { now } = c.get("dependencies");
  const startedAt = now();
  try {
    return await run();
  } finally {
    const waits = c.get("waits");
    waits[name] = (waits[name] ?? 0) + now() - startedAt;
  }
}

/** A hook that fails is logged: the request has its answer all the same. */
function tellHook(error: Error, c: Context<AppEnv>): void {
  const { hooks, log } = c.get("dependencies");
  if (hooks.onError === undefined) return;
  const told = (async () => hooks.onError?.(error, hookContext(c)))();
  const requestId = c.get("requestId");
  const logHook = (fault: unknown) => log({ level: "error", event: "hook", requestId, message: thrownText(fault) });
  inBackground(c, told.catch(logHook));
}

function answerMethod(c: Context<AppEnv>, methods: readonly string[]): Response {
  const allow = methods.join(", ");
  if (c.req.method === "OPTIONS") return c.body(null, 204, { Allow: allow });
  const problem = new Problem("method-not-allowed", `${c.req.path} accepts ${allow}, got ${c.req.method.slice(0, 20)}`);
  return problemResponse(c, problem, { Allow: allow });
}

function toProblem(error: Error, c: Context<AppEnv>): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof InputError) return problemOf(error);
  if (error instanceof OverloadedError)
    return new Problem("overloaded", "There is no room for this request now: come again", undefined, { cause: error });
  if (error instanceof IndexUnavailableError) return new Problem("index-unavailable", error.message);
  if (error instanceof z.ZodError) return invalidRequest(zodErrors(error));
  if (error instanceof HTTPException && error.status === 415)
    return new Problem("unsupported-media-type", "Expected application/json");
  if (error instanceof HTTPException && error.status < 500)
    return invalidRequest([{ parameter: "", detail: "expected JSON, got something else" }]);
  c.get("dependencies").log(faultLine(ownError(error), c));
  return new Problem("internal-error", "The error is logged with this request id");
}

function faultLine(error: Error, c: Context<AppEnv>) {
  const { stack } = error;
  return { level: "error", event: "fault", requestId: c.get("requestId"), message: String(error), stack } as const;
}
