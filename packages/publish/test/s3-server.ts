/**
 * The documented requests of R2's S3 API over node:http, with signatures and limits, in memory:
 * https://developers.cloudflare.com/r2/api/s3/api/, https://developers.cloudflare.com/r2/platform/limits/ and
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { compareKeys } from "../src/store.ts";
import type { Failure } from "./kv-server.ts";

export const BUCKET = "poeem-index";
export const ACCESS_KEY_ID = "access-key";
export const SECRET = "secret-access-key";

const MAX_KEY_BYTES = 1024;
const MAX_CUSTOM_BYTES = 8192;
const HEADER = "x-amz-meta-";

interface StoredObject {
  readonly bytes: Buffer;
  readonly custom: Readonly<Record<string, string>>;
}

export interface S3Request {
  readonly method: string;
  /** Undefined: of the bucket. */
  readonly key: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class S3Server {
  readonly objects = new Map<string, StoredObject>();
  readonly requests: S3Request[] = [];
  readonly #writtenAt = new Map<string, number>();
  readonly #server: Server;
  pageSize = 1000;
  /** Whether a key may be written once a second only. */
  limitsWrites = true;
  fail: (request: S3Request) => Exclude<Failure, "partial"> | undefined = () => undefined;
  now: () => number = () => Date.now();

  private constructor() {
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await new Promise<void>((done) => server.#server.listen(0, "127.0.0.1", done));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  /** Keys of everything but claims, in order. */
  keys(): string[] {
    return [...this.objects.keys()].filter((key) => !key.startsWith("claim/")).sort();
  }

  /** Keys that were written, in the order of their requests, claims left out. */
  writes(): string[] {
    const written = this.requests.filter(({ method, key }) => method === "PUT" && !key!.startsWith("claim/"));
    return written.map(({ key }) => key!);
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const url = new URL(incoming.url!, this.endpoint);
    const [, bucket = "", path] = /^\/([^/]+)(?:\/(.*))?$/.exec(url.pathname) ?? [];
    const key = path === undefined ? undefined : decodeURIComponent(path);
    const { method = "", headers } = incoming;
    const request = { method, key, query: url.searchParams, headers, body };
    const failure = this.fail(request);
    if (failure === "hang") return;
    if (failure === "reset") return void incoming.socket.destroy();
    try {
      checkSignature(request, url);
      if (bucket !== BUCKET) throw new Refusal(404, "NoSuchBucket", "The specified bucket does not exist.");
      if (typeof failure === "object") {
        for (const [name, value] of Object.entries(failure.headers ?? {})) response.setHeader(name, value);
        throw new Refusal(failure.status, "Injected", "injected failure");
      }
      const { bytes = Buffer.alloc(0), custom = {}, status = 200 } = this.#answer(request);
      this.requests.push(request);
      if (failure === "reset after") return void incoming.socket.destroy();
      const own = Object.entries(custom).map(([name, value]) => [`${HEADER}${name}`, value]);
      response.writeHead(status, {
        ...(status !== 204 && { "content-length": bytes.length }),
        ...Object.fromEntries(own),
      });
      if (failure === "cut" && bytes.length > 1)
        return void response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      response.end(method === "HEAD" ? undefined : bytes);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message } = error;
      response.writeHead(error.status, { "content-type": "application/xml" });
      response.end(method === "HEAD" ? "" : xml("Error", `<Code>${code}</Code><Message>${message}</Message>`));
    }
  }

  #answer(request: S3Request): Partial<StoredObject> & { status?: number } {
    const { method, key, query } = request;
    if (key === undefined) {
      if (method !== "GET" || query.get("list-type") !== "2") throw new Refusal(501, "NotImplemented", method);
      return { bytes: Buffer.from(this.#list(query)) };
    }
    if (method === "PUT") return this.#put(request, key);
    if (method === "DELETE") {
      this.objects.delete(key);
      return { status: 204 };
    }
    if (method !== "GET" && method !== "HEAD") throw new Refusal(405, "MethodNotAllowed", method);
    const object = this.objects.get(key);
    if (!object) throw new Refusal(404, "NoSuchKey", "The specified key does not exist.");
    return object;
  }

  #put({ headers, body }: S3Request, key: string): Record<string, never> {
    if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new Refusal(400, "KeyTooLongError", "Your key is too long.");
    const given = Object.entries(headers).filter(([name]) => name.startsWith(HEADER));
    const custom = Object.fromEntries(given.map(([name, value]) => [name.slice(HEADER.length), String(value)]));
    if (JSON.stringify(custom).length > MAX_CUSTOM_BYTES) throw new Refusal(400, "MetadataTooLarge", "too large");
    const last = this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY;
    if (this.limitsWrites && this.now() - last < 1000)
      throw new Refusal(429, "TooManyRequests", "Reduce your rate of simultaneous writes on the same object.");
    this.objects.set(key, { bytes: body, custom });
    this.#writtenAt.set(key, this.now());
    return {};
  }

  #list(query: URLSearchParams): string {
    const after = Buffer.from(query.get("continuation-token") ?? "", "base64url").toString();
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? "") && compareKeys(key, after) > 0)
      .sort(compareKeys);
    const page = keys.slice(0, this.pageSize);
    const isTruncated = page.length < keys.length;
    const encode = (key: string) =>
      query.get("encoding-type") === "url" ? encodeURIComponent(key).replaceAll("%20", "+") : escapeXml(key);
    const contents = page.map((key) => {
      const size = this.objects.get(key)!.bytes.length;
      return `<Contents><Key>${encode(key)}</Key><Size>${size}</Size><ETag>&quot;0&quot;</ETag></Contents>`;
    });
    const next = isTruncated
      ? `<NextContinuationToken>${Buffer.from(page.at(-1)!).toString("base64url")}</NextContinuationToken>`
      : "";
    return xml("ListBucketResult", `<IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join("")}`);
  }
}

/** Signature version 4, by its specification. */
function checkSignature({ method, headers, body }: S3Request, url: URL): void {
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(.+), SignedHeaders=(.+), Signature=([0-9a-f]{64})$/.exec(
    headers.authorization ?? "",
  );
  if (!given) throw new Refusal(400, "InvalidRequest", "Missing Authorization header");
  const [, id, scope = "", signed = "", signature] = given;
  if (id !== ACCESS_KEY_ID) throw new Refusal(403, "InvalidAccessKeyId", "The access key does not exist.");
  const hash = headers["x-amz-content-sha256"];
  if (hash !== "UNSIGNED-PAYLOAD" && hash !== sha256(body))
    throw new Refusal(400, "XAmzContentSHA256Mismatch", "The provided hash is not that of the body.");
  const path = decodeURIComponent(url.pathname).split("/").map(encodeStrictly).join("/");
  const query = [...url.searchParams].map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`).sort();
  const names = signed.split(";");
  const lines = names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, " ")}\n`);
  const canonical = [method, path, query.join("&"), lines.join(""), signed, hash].join("\n");
  const [date = "", region = "", service = ""] = scope.split("/");
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(Buffer.from(canonical))].join("\n");
  const key = [date, region, service, "aws4_request"].reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  if (hmac(key, toSign).toString("hex") !== signature)
    throw new Refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match.");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function xml(name: string, content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}>${content}</${name}>`;
}
