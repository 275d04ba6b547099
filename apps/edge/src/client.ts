/**
 * A typed client of the Worker: paths, parameters and answers are checked against the routes at compile time, and
 * nothing of the Worker's code is in the bundle.
 *
 * @example
 * const client = createClient("https://search.example.com");
 * const response = await client.search.$get({ query: { q: "birthday cake", k: "5" } });
 * if (response.ok) for (const { id, score } of (await response.json()).results) console.log(id, score);
 * @module
 */
import { type ClientRequestOptions, hc } from "hono/client";
import type { RetrievalApp as App } from "./http/app.ts";

/** For `filter`, and for lists such as `history`, whatever their names and values are made of. */
export { formatFilter, formatList } from "@poeem/pq-core";
export { encodeVector } from "./http/vector.ts";
export type { App };

/** @param options of Hono's client: `headers`, such as `{ Authorization: "Bearer …" }`, `fetch`, `init` … */
export function createClient(baseUrl: string, options?: ClientRequestOptions) {
  return hc<App>(baseUrl, options);
}
