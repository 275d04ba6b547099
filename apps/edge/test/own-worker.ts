/** A Worker as others write them: bindings under names of its own, two indexes, and a way to ask it. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { kvStore, type SearchResponse, type Store, type Worker } from "../src/index.ts";
import { bruteForce, type Fixture, makeFixture, nlist, publish } from "./fixture.ts";

export interface OwnEnv {
  readonly CATALOGUE: KVNamespace;
  readonly BUCKET: R2Bucket;
}

/** What the tests' own bindings are, with what a test adds to them. */
export const bindingsWith = (more: object = {}) => ({ ...(env as unknown as OwnEnv), ...more });

export const store = ({ CATALOGUE }: OwnEnv): Store => kvStore(CATALOGUE);

/** Publishes an index of books, another one under the name `films`, and films in the bucket. */
export async function publishOwn(): Promise<{ readonly books: Fixture; readonly films: Fixture }> {
  const [books, films] = await Promise.all([makeFixture(41), makeFixture(42)]);
  await publish(env.CATALOGUE, books);
  await publish(env.CATALOGUE, films, undefined, "films");
  await publish({ put: async (key, value) => void (await env.BUCKET.put(key, value)), delete: vi.fn() }, films);
  return { books, films };
}

/** Asks a Worker as the platform does. */
export async function ask<Env>(
  worker: Worker<Env>,
  path: string,
  init?: RequestInit,
  bindings: Env = env as unknown as Env,
) {
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request(`https://own.test${path}`, init), bindings, ctx);
  await waitOnExecutionContext(ctx);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  // biome-ignore lint/suspicious/noExplicitAny: bodies are checked member by member
  return { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : null) as any };
}

export const search = (q = "birthday cake") => `/search?${new URLSearchParams({ q, nprobe: String(nlist) })}`;
export const post = (body: unknown) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

/** The answer is what brute force over this index gives. */
export function expectAnswerOf(fixture: Fixture, body: SearchResponse, q = "birthday cake"): void {
  expect(body.indexVersion).toBe(fixture.artifact.version);
  const expected = bruteForce(fixture, q, body.k);
  for (const [rank, { score }] of body.results.entries()) expect(score).toBeCloseTo(expected[rank]!.score, 4);
}
