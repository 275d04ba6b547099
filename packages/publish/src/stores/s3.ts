/**
 * The store over the S3 API of R2: https://developers.cloudflare.com/r2/api/s3/api/. A list of S3 has no custom
 * metadata, so each key that it names is asked for its own.
 */
import { UserError } from "@poeem/offline/errors";
import { mapLimited } from "@poeem/pq-core";
import { AwsClient } from "aws4fetch";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import { sha256 } from "../read-artifact.ts";
import { withRetries } from "../retry.ts";
import { checkValues, type Store } from "../store.ts";
import { listed, stateOf, toCustomMetadata } from "./object-metadata.ts";
import { classifyS3, explainS3, S3Error, s3ErrorOf } from "./s3-error.ts";
import { readList } from "./s3-list.ts";

export interface S3StoreOptions {
  /** `https://<account id>.r2.cloudflarestorage.com` */
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** A request that takes longer is given up, and sent again; default a minute. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Called before each wait for another attempt. */
  readonly onWait?: ((reason: string, ms: number) => void) | undefined;
}

const TIMEOUT_MS = 60_000;
/** Requests under way at once: one is for one value. */
const CONCURRENCY = 16;
const HEADER = "x-amz-meta-";

/** Requests that fail for a passing reason (429, 5xx, a broken connection) are sent again. */
export function s3Store(options: S3StoreOptions): Store {
  const { endpoint, bucket, accessKeyId, secretAccessKey, onWait } = options;
  const { clock = SYSTEM_CLOCK, random = Math.random, timeoutMs = TIMEOUT_MS } = options;
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", region: "auto", retries: 0 });
  const root = `${endpoint}/${bucket}`;
  const urlOf = (key: string) => `${root}/${key.split("/").map(encodeURIComponent).join("/")}`;
  /** @param take reads the answer, null for a key that is not there: a body that breaks off is sent for again */
  const request = async <T>(
    method: string,
    url: string,
    take: (response: Response | null) => Promise<T>,
    init: { body?: Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
  ): Promise<T> => {
    const send = async () => {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await client.fetch(url, { method, signal, ...init });
      if (response.ok) return take(response);
      const error = await s3ErrorOf(response);
      // A HEAD has no body to say what is not there: the bucket is, as it was listed before.
      if (error.status === 404 && error.code !== "NoSuchBucket") return take(null);
      throw error;
    };
    try {
      return await withRetries(send, { clock, random, onWait, classify: (error) => classifyS3(error, clock.now()) });
    } catch (error) {
      throw error instanceof S3Error ? explainS3(error, bucket) : error;
    }
  };
  const head = (key: string) =>
    request("HEAD", urlOf(key), async (response) =>
      response === null ? null : { key, state: stateOf(customOf(response.headers), clock.now()) },
    );
  const remove = async (keys: readonly string[]) => {
    await mapLimited(keys, CONCURRENCY, (key) => request("DELETE", urlOf(key), async () => undefined));
  };

  return {
    name: `R2 bucket ${bucket}`,
    propagationMs: 0,
    maxReads: CONCURRENCY,
    async list(prefix) {
      const keys: string[] = [];
      for (let token: string | undefined; ; ) {
        const query = new URLSearchParams({ "list-type": "2", "encoding-type": "url", prefix });
        if (token !== undefined) query.set("continuation-token", token);
        // "+" means a space to a form, but not to whoever signs.
        const url = `${root}?${query.toString().replaceAll("+", "%20")}`;
        const page = await request("GET", url, async (response) => readList((await response?.text()) ?? ""));
        keys.push(...page.keys);
        token = page.next;
        if (token === undefined) break;
      }
      // What was deleted since is null.
      const found = await mapLimited(keys, CONCURRENCY, head);
      return listed(
        found.filter((object) => object !== null),
        remove,
      );
    },
    get: (key) =>
      request("GET", urlOf(key), async (response) => {
        if (response === null) return null;
        const bytes = new Uint8Array(await response.arrayBuffer());
        return stateOf(customOf(response.headers), clock.now()).isOver ? null : bytes;
      }),
    async put(values) {
      checkValues(values);
      await mapLimited(values, CONCURRENCY, async (value) => {
        const custom = Object.entries(toCustomMetadata(value, clock.now()));
        const headers = {
          "content-type": "application/octet-stream",
          // So that what arrives is compared with what was sent.
          "x-amz-content-sha256": sha256(value.bytes),
          ...Object.fromEntries(custom.map(([name, text]) => [`${HEADER}${name}`, text])),
        };
        const body = value.bytes as Uint8Array<ArrayBuffer>;
        await request("PUT", urlOf(value.key), async (response) => found(response, bucket), { body, headers });
      });
    },
    delete: remove,
  };
}

/** @throws UserError where even a write finds nothing: the address is not that of a bucket */
function found(response: Response | null, bucket: string): void {
  if (response === null) throw new UserError(`R2 bucket ${bucket} was not found by a write: status 404`);
}

function customOf(headers: Headers): Record<string, string> {
  const custom = [...headers].filter(([name]) => name.startsWith(HEADER));
  return Object.fromEntries(custom.map(([name, value]) => [name.slice(HEADER.length), value]));
}
