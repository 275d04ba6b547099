import { messageOf, UserError } from "@poeem/offline/errors";
import { APIConnectionError, APIError } from "cloudflare/error";
import { Namespaces } from "cloudflare/resources/kv/namespaces/namespaces";
import { createClient } from "cloudflare/tree-shakable";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { type Failure, parseRetryAfter, RequestBudget, withRetries } from "../retry.ts";
import { checkValues, type Store, type StoredKey, type StoredValue } from "../store.ts";
import { asMetadata } from "./binding.ts";

export interface RestStoreOptions {
  readonly accountId: string;
  readonly namespaceId: string;
  readonly apiToken: string;
  /** Default: the address of Cloudflare's API, or CLOUDFLARE_BASE_URL. */
  readonly baseURL?: string | undefined;
  /** A request that takes longer is given up, and sent again; default five minutes, for 90 MB over a slow line. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Called before each wait for another attempt. */
  readonly onWait?: ((reason: string, ms: number) => void) | undefined;
}

// Cloudflare's limits for a bulk request: 10,000 pairs, 100 MB.
const MAX_PAIRS = 10_000;
/** Some room is left: what exactly counts towards the 100 MB is not documented. */
const MAX_BODY_BYTES = 90_000_000;
/** Names come in pages of at most this. */
const LIST_LIMIT = 1000;
/** Cloudflare allows a user 1,200 requests in five minutes, over all tools; some are left to the others. */
const BUDGET = { requests: 1100, windowMs: 300_000 };
const TIMEOUT_MS = 300_000;

/** Some keys of a bulk request failed; the rest was written. */
class PartialFailure extends Error {
  constructor(keys: readonly string[], sent: number) {
    super(`${keys.length} of ${sent} keys failed, the first ${keys[0]}`);
  }
}

/**
 * The store over Cloudflare's REST API, through its TypeScript SDK. Requests that fail for a passing reason (429, 5xx,
 * a broken connection) are sent again; the SDK's own retries know neither `unsuccessful_keys` nor our clock.
 */
export function restStore(options: RestStoreOptions): Store {
  const { accountId, namespaceId, apiToken, clock = SYSTEM_CLOCK, random = Math.random, onWait } = options;
  const client = createClient({
    resources: [Namespaces],
    apiToken,
    // nothing but the token: the SDK would send a global key that it finds in the environment, too
    apiKey: null,
    apiEmail: null,
    userServiceKey: null,
    maxRetries: 0,
    timeout: options.timeoutMs ?? TIMEOUT_MS,
    logLevel: "off",
    ...(options.baseURL === undefined ? {} : { baseURL: options.baseURL }),
  });
  const { namespaces } = client.kv;
  const account_id = accountId;
  const budget = new RequestBudget(clock, BUDGET.requests, BUDGET.windowMs);
  const request = async <T>(send: () => Promise<T>): Promise<T> => {
    try {
      return await withRetries(
        async () => {
          await budget.take();
          return send();
        },
        { clock, random, onWait, classify: (error) => classify(error, clock.now()) },
      );
    } catch (error) {
      throw explain(error, options);
    }
  };
  /** Sends again what `send` says has failed, until nothing has. */
  const untilAllDone = async <T>(
    items: readonly T[],
    keyOf: (item: T) => string,
    send: (items: readonly T[]) => Promise<{ unsuccessful_keys?: string[] } | null>,
  ): Promise<void> => {
    let rest = items;
    await request(async () => {
      const failed = (await send(rest))?.unsuccessful_keys ?? [];
      if (failed.length === 0) return;
      const sent = rest.length;
      rest = rest.filter((item) => failed.includes(keyOf(item)));
      if (rest.length > 0) throw new PartialFailure(failed, sent);
    });
  };

  return {
    name: `KV namespace ${namespaceId}`,
    propagationMs: 60_000,
    maxReads: 6,
    async list(prefix) {
      const found: StoredKey[] = [];
      for (let cursor: string | undefined; ; ) {
        const params = { account_id, prefix, limit: LIST_LIMIT, ...(cursor ? { cursor } : {}) };
        const page = await request(async () => namespaces.keys.list(namespaceId, params));
        for (const { name, metadata } of page.result) found.push({ key: name, metadata: asMetadata(metadata) });
        cursor = page.result_info?.cursor;
        if (!cursor) return found;
      }
    },
    async get(key) {
      return request(async () => {
        try {
          const response = await namespaces.values.get(key, { account_id, namespace_id: namespaceId });
          return new Uint8Array(await response.arrayBuffer());
        } catch (error) {
          // The namespace is there: it was listed before.
          if (error instanceof APIError && error.status === 404) return null;
          throw error;
        }
      });
    },
    async put(values) {
      checkValues(values);
      for (const batch of batchesOf(values)) {
        await untilAllDone(
          batch,
          ({ key }) => key,
          (body) => namespaces.bulkUpdate(namespaceId, { account_id, body: [...body] }),
        );
      }
    },
    async delete(keys) {
      for (let at = 0; at < keys.length; at += MAX_PAIRS) {
        await untilAllDone(
          keys.slice(at, at + MAX_PAIRS),
          (key) => key,
          (body) => namespaces.bulkDelete(namespaceId, { account_id, body: [...body] }),
        );
      }
    },
  };
}

interface Pair {
  readonly key: string;
  readonly value: string;
  readonly base64: true;
  readonly metadata?: unknown;
  readonly expiration_ttl?: number;
}

/** Pairs as the API takes them, in requests that keep to its limits of count and bytes. */
function* batchesOf(values: readonly StoredValue[]): Generator<Pair[]> {
  let batch: Pair[] = [];
  let bytes = 0;
  for (const { key, bytes: value, metadata, expiresIn } of values) {
    const facts = {
      ...(metadata === undefined ? {} : { metadata }),
      ...(expiresIn === undefined ? {} : { expiration_ttl: expiresIn }),
    };
    const size = 4 * Math.ceil(value.length / 3) + JSON.stringify({ key, ...facts }).length + 40;
    if (batch.length === MAX_PAIRS || (batch.length > 0 && bytes + size > MAX_BODY_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push({ key, value: Buffer.from(value).toString("base64"), base64: true, ...facts });
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function classify(error: unknown, now: number): Failure {
  if (error instanceof PartialFailure) return { retriable: true, reason: error.message };
  if (error instanceof APIConnectionError)
    return { retriable: true, reason: `no connection: ${messageOf(rootOf(error))}` };
  // a body that breaks off is an error of fetch's, not of the SDK's
  if (error instanceof TypeError && error.cause)
    return { retriable: true, reason: `the connection broke: ${messageOf(error)}` };
  if (!(error instanceof APIError)) return { retriable: false, reason: messageOf(error) };
  const status: number = error.status ?? 0;
  return {
    retriable: status === 408 || status === 429 || status >= 500,
    reason: answerOf(error),
    retryAfterMs: parseRetryAfter(error.headers?.get("retry-after"), now),
  };
}

/** The error that an error comes from: "fetch failed" alone says nothing. */
function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** An error that says what to do about it, in one line. */
function explain(error: unknown, { accountId, namespaceId }: RestStoreOptions): unknown {
  if (!(error instanceof APIError)) return error;
  const answer = answerOf(error);
  switch (error.status) {
    case 401:
      return new UserError(`CLOUDFLARE_API_TOKEN is not valid: ${answer}`);
    case 403:
      return new UserError(
        `CLOUDFLARE_API_TOKEN may not do this: it needs "Workers KV Storage: Edit" for account ${accountId}: ${answer}`,
      );
    case 404:
      return new UserError(`account ${accountId} has no KV namespace ${namespaceId}: ${answer}`);
    default:
      return new UserError(`Cloudflare refused the request: ${answer}`);
  }
}

/** Status, and the message of the API's own where there is one. */
function answerOf(error: InstanceType<typeof APIError>): string {
  const [first] = error.errors ?? [];
  const text = first?.message ? `${first.message}${first.code ? ` (code ${first.code})` : ""}` : "no reason given";
  return `status ${error.status ?? "?"}, ${messageOf(text)}`;
}
