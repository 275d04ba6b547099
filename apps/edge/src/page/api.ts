/** The requests that the page makes, through the Worker's own typed client. */
import type { InferResponseType } from "hono/client";
import { createClient, formatList } from "../client.ts";
import { MAX_URL_BYTES } from "../http/parameters.ts";

type Client = ReturnType<typeof createClient>;
export type SearchResponse = InferResponseType<Client["search"]["$get"], 200>;
export type Result = SearchResponse["results"][number];
export type Suggestion = InferResponseType<Client["suggest"]["$get"], 200>["suggestions"][number];
export type IndexFacts = NonNullable<InferResponseType<Client["version"]["$get"], 200>["index"]>;
/** What the items can be filtered by. */
export type Filters = Pick<InferResponseType<Client["facets"]["$get"], 200>, "facets" | "numbers">;

/** A text to search for, or items to find more like. */
export type Question = { readonly q: string } | { readonly history: readonly string[] };

const client = createClient(location.origin);
/** Which index is asked: the current one, until `chooseIndex`. */
let chosen: { readonly index?: string } = {};

export function chooseIndex(index: string | undefined): void {
  chosen = index === undefined ? {} : { index };
}

/** A problem+json answer, in words for the reader. */
export class ApiError extends Error {}

/** The k best items. @throws ApiError for a problem, DOMException once `signal` is aborted */
export async function search(
  question: Question,
  k: number,
  filter: string,
  signal: AbortSignal,
): Promise<SearchResponse> {
  const asked = { ...chosen, ...(filter && { filter }) };
  const query = { ...asked, ...("q" in question ? question : { history: formatList(question.history) }), k: String(k) };
  const isShort = client.search.$url({ query }).href.length <= MAX_URL_BYTES;
  const post = { ...asked, ...("q" in question ? question : { history: [...question.history] }), k };
  const response = isShort
    ? await client.search.$get({ query }, { init: { signal } })
    : await client.search.$post({ json: post }, { init: { signal } });
  // One search has one answer, by either method.
  if (response.status === 200) return response.json() as Promise<SearchResponse>;
  throw await errorOf(response);
}

/** How a text could go on; none where the index has no words. @throws DOMException once `signal` is aborted */
export async function suggest(q: string, signal: AbortSignal): Promise<readonly Suggestion[]> {
  const response = await client.suggest.$get({ query: { ...chosen, q } }, { init: { signal } });
  return response.status === 200 ? (await response.json()).suggestions : [];
}

/** Facts of the index being served; undefined when the isolate that answers has none yet. */
export async function indexFacts(): Promise<IndexFacts | undefined> {
  const response = await client.version.$get({ query: chosen });
  // A named index says nothing of itself until somebody has searched it here.
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw await errorOf(response);
  return (await response.json()).index ?? undefined;
}

/** What the items can be filtered by. */
export async function readFilters(): Promise<Filters> {
  const response = await client.facets.$get({ query: chosen });
  if (response.status !== 200) throw await errorOf(response);
  return response.json();
}

async function errorOf(response: { readonly status: number; json(): Promise<unknown> }): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as { readonly detail?: string };
  return new ApiError(problem.detail ?? `The server answered ${response.status}`);
}
