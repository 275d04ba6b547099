/**
 * The documented KV endpoints of Cloudflare's REST API over node:http, with their limits, in memory:
 * https://developers.cloudflare.com/api/resources/kv/ and https://developers.cloudflare.com/kv/platform/limits/
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { compareKeys, MAX_KEY_BYTES, MAX_METADATA_BYTES, MAX_VALUE_BYTES } from "../src/store.ts";

export const ACCOUNT = "a".repeat(32);
export const NAMESPACE = "b".repeat(32);
export const TOKEN = "secret-token";

const MAX_PAIRS = 10_000;
const MAX_BODY_BYTES = 100_000_000;

interface Entry {
  readonly bytes: Buffer;
  readonly metadata: unknown;
  readonly expiresAt: number;
}

export interface KvRequest {
  readonly method: string;
  /** Below the namespace: `bulk`, `keys`, `values/chunk/x`, … */
  readonly path: string;
  readonly body: Buffer;
}

/** What to do with a request instead of answering it as documented. */
export type Failure =
  | { readonly status: number; readonly headers?: Record<string, string> }
  /** Ends the connection: before anything is done, after the work, or in the middle of the answer. */
  | "reset"
  | "reset after"
  | "cut"
  | "hang"
  /** A bulk request writes only every other key and names the others. */
  | "partial";

interface Pair {
  readonly key: string;
  readonly value: string;
  readonly base64?: boolean;
  readonly metadata?: unknown;
  readonly expiration_ttl?: number;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class KvServer {
  readonly values = new Map<string, Entry>();
  readonly requests: KvRequest[] = [];
  readonly #writtenAt = new Map<string, number>();
  readonly #server: Server;
  /** Keys in one page of a list, however many are asked for. */
  pageSize = 1000;
  /** Whether a key may be written once a second only. */
  limitsWrites = true;
  fail: (request: KvRequest) => Failure | undefined = () => undefined;
  now: () => number = () => Date.now();

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(): Promise<KvServer> {
    const server = new KvServer();
    await new Promise<void>((done) => server.#server.listen(0, "127.0.0.1", done));
    return server;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/client/v4`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Keys of all values but claims, in order. */
  keys(): string[] {
    return [...this.values.keys()].filter((key) => !key.startsWith("claim/")).sort();
  }

  /** Keys of the pairs that bulk writes have brought, one list a request, claims left out. */
  bulkWrites(): string[][] {
    return this.requests
      .filter(({ method, path }) => method === "PUT" && path === "bulk")
      .map(({ body }) => (JSON.parse(body.toString()) as Pair[]).map(({ key }) => key))
      .filter(([first]) => !first?.startsWith("claim/"));
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const url = new URL(incoming.url!, "http://localhost");
    const root = `/client/v4/accounts/${ACCOUNT}/storage/kv/namespaces/${NAMESPACE}/`;
    // a key is one segment of the path, its slashes encoded
    const path = url.pathname.replace(root, "").replace(/[^/]+$/, decodeURIComponent);
    const request = { method: incoming.method!, path, body: Buffer.concat(parts) };
    const failure = this.fail(request);
    if (failure === "hang") return;
    if (failure === "reset") return void incoming.socket.destroy();
    try {
      if (incoming.headers.authorization !== `Bearer ${TOKEN}`) throw new Refusal(401, 10000, "Authentication error");
      if (!url.pathname.startsWith(root)) throw new Refusal(404, 10013, "namespace not found");
      if (typeof failure === "object") {
        for (const [name, value] of Object.entries(failure.headers ?? {})) response.setHeader(name, value);
        throw new Refusal(failure.status, 10001, "injected failure");
      }
      const answer = this.#answer(request, url.searchParams, failure === "partial");
      this.requests.push(request);
      if (failure === "reset after") return void incoming.socket.destroy();
      const bytes = Buffer.isBuffer(answer) ? answer : Buffer.from(envelope(true, answer.result, answer.info));
      const type = Buffer.isBuffer(answer) ? "application/octet-stream" : "application/json";
      response.writeHead(200, { "content-length": bytes.length, "content-type": type });
      if (failure === "cut") return void response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      response.end(bytes);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.writeHead(error.status, { "content-type": "application/json" });
      response.end(envelope(false, null, undefined, [{ code: error.code, message: error.message }]));
    }
  }

  #answer(request: KvRequest, query: URLSearchParams, partial: boolean): Buffer | { result: unknown; info?: unknown } {
    const { method, path, body } = request;
    if (method === "PUT" && path === "bulk") return this.#put(body, partial);
    if (method === "POST" && path === "bulk/delete") return this.#delete(body, partial);
    if (method === "GET" && path === "keys") return this.#list(query);
    const [, sort, key] = /^(values|metadata)\/(.*)$/.exec(path) ?? [];
    if (method !== "GET" || key === undefined) throw new Refusal(405, 10405, `no method ${method} for ${path}`);
    const entry = this.values.get(key);
    if (!entry || entry.expiresAt <= this.now()) throw new Refusal(404, 10009, "get: 'key not found'");
    return sort === "values" ? entry.bytes : { result: entry.metadata ?? null };
  }

  #put(body: Buffer, partial: boolean): { result: unknown } {
    if (body.length > MAX_BODY_BYTES) throw new Refusal(413, 10413, `body of ${body.length} bytes`);
    const pairs = JSON.parse(body.toString()) as Pair[];
    if (pairs.length > MAX_PAIRS) throw new Refusal(400, 10129, `${pairs.length} pairs`);
    for (const { key, metadata, expiration_ttl: ttl } of pairs) {
      if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new Refusal(414, 10030, `key of ${key.length} bytes`);
      if (JSON.stringify(metadata ?? null).length > MAX_METADATA_BYTES)
        throw new Refusal(413, 10048, "metadata too large");
      if (ttl !== undefined && ttl < 60) throw new Refusal(400, 10047, `expiration_ttl of ${ttl}`);
      const last = this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY;
      if (this.limitsWrites && this.now() - last < 1000)
        throw new Refusal(429, 10058, `${key} written twice in a second`);
    }
    const failed: string[] = [];
    for (const [i, { key, value, base64, metadata, expiration_ttl: ttl }] of pairs.entries()) {
      if (partial && i % 2 === 1) {
        failed.push(key);
        continue;
      }
      const bytes = Buffer.from(value, base64 ? "base64" : "utf8");
      if (bytes.length > MAX_VALUE_BYTES) throw new Refusal(413, 10047, `value of ${bytes.length} bytes`);
      this.values.set(key, { bytes, metadata, expiresAt: this.now() + 1000 * (ttl ?? Number.POSITIVE_INFINITY) });
      this.#writtenAt.set(key, this.now());
    }
    return { result: { successful_key_count: pairs.length - failed.length, unsuccessful_keys: failed } };
  }

  #delete(body: Buffer, partial: boolean): { result: unknown } {
    const keys = JSON.parse(body.toString()) as string[];
    if (keys.length > MAX_PAIRS) throw new Refusal(400, 10129, `${keys.length} keys`);
    const failed = partial ? keys.filter((_, i) => i % 2 === 1) : [];
    for (const key of keys) if (!failed.includes(key)) this.values.delete(key);
    return { result: { successful_key_count: keys.length - failed.length, unsuccessful_keys: failed } };
  }

  #list(query: URLSearchParams): { result: unknown; info: unknown } {
    const limit = Number(query.get("limit") ?? 1000);
    if (limit < 10 || limit > 1000) throw new Refusal(400, 10029, `limit ${limit}`);
    const after = query.get("cursor") ? Buffer.from(query.get("cursor")!, "base64url").toString() : "";
    const found = [...this.values]
      .filter(([key, { expiresAt }]) => key.startsWith(query.get("prefix") ?? "") && expiresAt > this.now())
      .map(([name, { metadata }]) => ({ name, ...(metadata === undefined ? {} : { metadata }) }))
      .filter(({ name }) => compareKeys(name, after) > 0)
      .sort((a, b) => compareKeys(a.name, b.name));
    const page = found.slice(0, Math.min(limit, this.pageSize));
    const cursor = page.length < found.length ? Buffer.from(page.at(-1)!.name).toString("base64url") : "";
    return { result: page, info: { count: page.length, cursor } };
  }
}

function envelope(success: boolean, result: unknown, info?: unknown, errors: unknown[] = []): string {
  return JSON.stringify({
    success,
    errors,
    messages: [],
    result,
    ...(info === undefined ? {} : { result_info: info }),
  });
}
