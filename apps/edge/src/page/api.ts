/** The two requests that the page makes. */
export interface Result {
  readonly id: string | number;
  readonly score: number;
  readonly title: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SearchResponse {
  readonly query: string;
  readonly indexVersion: string;
  readonly k: number;
  readonly nprobe: number;
  readonly listsProbed: number;
  readonly codesScanned: number;
  readonly results: readonly Result[];
}

export interface IndexFacts {
  readonly version: string;
  readonly numItems: number;
  readonly nlist: number;
  readonly bytesPerItem: number;
}

/** A problem+json answer, in words for the reader. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function search(query: string, k: number, signal: AbortSignal): Promise<SearchResponse> {
  return getJson<SearchResponse>(`/search?${new URLSearchParams({ q: query, k: String(k) })}`, signal);
}

/** Facts of the index being served; undefined when the isolate that answers has none yet. */
export async function indexFacts(): Promise<IndexFacts | undefined> {
  return (await getJson<{ index: IndexFacts | null }>("/version")).index ?? undefined;
}

async function getJson<T>(path: string, signal: AbortSignal | null = null): Promise<T> {
  const response = await fetch(path, { signal, headers: { accept: "application/json" } });
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new ApiError(response.status, problem.detail ?? `The server answered ${response.status}`);
}
