/** Errors as RFC 9457 problem details: one shape for every status that is not a success. */
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** One thing that is wrong with a request: which parameter, and what was expected and got. */
export interface ProblemError {
  readonly parameter: string;
  readonly detail: string;
}

const TITLES = {
  "invalid-request": [400, "The request is not valid"],
  "too-expensive": [400, "The request costs more than one may"],
  unauthorized: [401, "The request needs a token"],
  "not-found": [404, "Nothing was found"],
  "method-not-allowed": [405, "The path does not support this method"],
  "body-too-large": [413, "The request body is too large"],
  "uri-too-long": [414, "The URL is too long"],
  "unsupported-media-type": [415, "The body has an unsupported type"],
  "rate-limited": [429, "Too many requests"],
  "index-unavailable": [503, "No index can be served now"],
  "encoder-unavailable": [503, "The text cannot be embedded now"],
  overloaded: [503, "The server has too much to do"],
  misconfigured: [500, "A setting of this server is wrong"],
  "internal-error": [500, "The server failed"],
} as const satisfies Record<string, readonly [ContentfulStatusCode, string]>;

export type ProblemType = keyof typeof TITLES;

export const PROBLEM_TYPES = Object.keys(TITLES) as readonly ProblemType[];

/** Thrown anywhere below a route; the error handler of the app turns it into a response. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly type: ProblemType;
  readonly errors: readonly ProblemError[] | undefined;
  /** @param detail for people; sent as it is */
  constructor(type: ProblemType, detail: string, errors?: readonly ProblemError[], options?: ErrorOptions) {
    super(detail, options);
    if (!Object.hasOwn(TITLES, type))
      throw new TypeError(`A Problem is one of ${PROBLEM_TYPES.join(", ")}, got ${type}`);
    this.type = type;
    this.errors = errors;
  }
}

/** The status of a kind of problem. */
export const statusOf = (type: ProblemType) => TITLES[type][0];

/** The status and JSON body of a problem. `detail` is for people, `type` and `errors` are for programs. */
export function problemBody({ type, message, errors }: Problem, requestId: string) {
  const [status, title] = TITLES[type];
  return {
    type: `urn:poeem-edge:problem:${type}`,
    title,
    status,
    detail: message,
    requestId,
    ...(errors && { errors }),
  };
}

/** A problem as the response of a request. Never cached: each carries the id of its request. */
export function problemResponse(c: Context, problem: Problem, headers: Record<string, string> = {}): Response {
  const body = problemBody(problem, c.get("requestId"));
  // Those of the answer that there was to be: an error that had them would come back as a 304, and be purged with it.
  c.header("ETag", undefined);
  c.header("Cache-Tag", undefined);
  return c.body(JSON.stringify(body), body.status, {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    // A failed cold start is retried after a second.
    ...(body.status === 503 && { "Retry-After": "2" }),
    ...headers,
  });
}
