/** Where a Worker of one's own may step in: who may ask, what is asked, what was answered, what went wrong. */
import type { z } from "@hono/zod-openapi";
import type { SearchRequest } from "./requests.ts";
import type { searchResponse } from "./responses.ts";

/** The JSON of the answer to one search. */
export type SearchResponse = z.output<typeof searchResponse>;

/** What every hook is told about the request. */
export interface HookContext<Env = unknown> {
  /** The request as it came. Its body, of up to 1 MiB, may be read: each hook gets one of its own. */
  readonly request: Request;
  /** Bindings, variables and secrets. */
  readonly env: Env;
  /** The `X-Request-Id` of the response. */
  readonly requestId: string;
  /** Keeps the Worker alive for work that goes on after the answer is out, such as writing a log. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

type Maybe<T> = T | Promise<T>;
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks on returns nothing
type Changed<T> = Maybe<T | undefined | void>;

/** All are optional. A hook that throws a `Problem` answers with it; anything else thrown is a 500, and logged. */
export interface Hooks<Env = unknown> {
  /**
   * Whether `/search`, `/suggest`, `/items/{id}` and `/facets` may be asked, before anything is read. `SEARCH_TOKENS`
   * and the rate limit, where they are set, are checked first.
   * @returns `true` to go on; a `Response` to send instead; anything else is a 401
   */
  authorize?(context: HookContext<Env>): Maybe<boolean | Response>;
  /**
   * Sees each search of `GET` and `POST`, checked and with its defaults, and may return another one to run instead:
   * a text rewritten, a filter added, another index. `/suggest`, `/items/{id}` and `/facets` do not come by here: what
   * somebody must not see needs `authorize` there, or an index of its own.
   */
  beforeSearch?(search: SearchRequest, context: HookContext<Env>): Changed<SearchRequest>;
  /**
   * Sees each answer, and may return another one. Every search is then run: its answer is `no-store`, without an ETag.
   * @param search as it was run
   */
  afterSearch?(answer: SearchResponse, search: SearchRequest, context: HookContext<Env>): Changed<SearchResponse>;
  /** Told of what became a 500 or a 503. The answer to the request is the same with or without it. */
  onError?(error: Error, context: HookContext<Env>): Maybe<void>;
}
