/** The two requests that the page makes, through the Worker's own typed client. */
import type { InferResponseType } from "hono/client";
import { type App, createClient } from "../client.ts";

type Client = ReturnType<typeof createClient>;
export type SearchResponse = InferResponseType<Client["search"]["$get"], 200>;
export type Result = SearchResponse["results"][number];
export type IndexFacts = NonNullable<InferResponseType<Client["version"]["$get"], 200>["index"]>;
export type { App };

const client = createClient(location.origin);

/** A problem+json answer, in words for the reader. */
export class ApiError extends Error {}

export async function search(query: string, k: number, signal: AbortSignal): Promise<SearchResponse> {
  const response = await client.search.$get({ query: { q: query, k: String(k) } }, { init: { signal } });
  if (response.status === 200) return response.json();
  throw await errorOf(response);
}

/** Facts of the index being served; undefined when the isolate that answers has none yet. */
export async function indexFacts(): Promise<IndexFacts | undefined> {
  const response = await client.version.$get();
  if (response.status !== 200) throw await errorOf(response);
  return (await response.json()).index ?? undefined;
}

async function errorOf(response: { readonly status: number; json(): Promise<unknown> }): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as { readonly detail?: string };
  return new ApiError(problem.detail ?? `The server answered ${response.status}`);
}
