/**
 * The built Worker in workerd, asked over its own socket: no development proxy between, which would cost more than a
 * search.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { join } from "node:path";
import { directorySource } from "@poeem/offline/index-folder/write";
import type { Artifact } from "@poeem/pq-core";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { convertV4MiniflareOptions, Miniflare, Response } from "miniflare";
import { Inspector, rssOfChildren } from "./inspector.ts";

const OWN_BUILD = join(import.meta.dirname, "../dist/worker");
/** Reads of KV that a put of many values has under way at once. */
const PUTS = 16;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Milliseconds from sending to the last byte. */
  readonly ms: number;
}

/** One request: with a body a POST of JSON. */
export interface Sent {
  readonly path: string;
  readonly body?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What a pointer names, and which chunks come with it: a whole version or a delta. */
export type Published = Pick<Artifact, "chunks" | "manifestBytes" | "version">;

export interface RunningWorker {
  /** Sends a request and hangs up after so many milliseconds, unless it was answered before. */
  hangUp(path: string, afterMs: number): Promise<void>;
  /** Any answer; with a body it is a POST of JSON. */
  send(path: string, body?: string, headers?: Sent["headers"]): Promise<Answer>;
  /** As send. @throws Error for any other status than 200 */
  ask(path: string): Promise<Answer>;
  publish(artifact: Published, name?: string): Promise<void>;
  /** Lets the pointer name a version that was published before. */
  point(version: string, name?: string): Promise<void>;
  /**
   * Asks the store that counts and makes trouble, see `bad-day.js`, or the one that only counts. Only when started with
   * `badDay` or a folder.
   */
  trouble(path: string): Promise<Record<string, number>>;
  /** Bytes of the Worker's isolate and of the whole process, now. Only when started with an inspector. */
  memory(): Promise<Memory>;
  /** Collects the garbage of the isolate. Only when started with an inspector. */
  collectGarbage(): Promise<void>;
  stop(): Promise<void>;
}

/** Bytes. Garbage that has not been collected yet is in all of them. */
export interface Memory {
  /** JavaScript heap of the isolate in use. */
  readonly heap: number;
  /** Array buffers of the isolate by V8's own count, and the memory of kernels, which V8 does not count. */
  readonly buffers: number;
  /** Resident set of the workerd process: the runtime itself, the KV simulator and its files' pages are in it. */
  readonly rss: number;
}

/** The Worker, which also tells how much memory all of its kernels have, those that are garbage included. */
const tellKernels = (script: string) => `
import worker from "./${script}";
const { Instance } = WebAssembly;
const memories = [];
WebAssembly.Instance = function (...args) {
  const made = new Instance(...args);
  if (made.exports.memory) memories.push(new WeakRef(made.exports.memory));
  return made;
};
const kernelBytes = () => memories.reduce((sum, ref) => sum + (ref.deref()?.buffer.byteLength ?? 0), 0);
export default {
  ...worker,
  fetch: (request, env, ctx) =>
    request.url.endsWith("/kernel-bytes") ? new Response(String(kernelBytes())) : worker.fetch(request, env, ctx),
};
`;

export interface WorkerOptions {
  readonly inspect?: boolean;
  /** The Worker reads KV through `bad-day.js`, which counts, fails, hangs and lies when it is told to. */
  readonly badDay?: boolean;
  /** The Worker reads an R2 bucket behind the Cache API instead of KV. */
  readonly r2?: boolean;
  /**
   * The Worker reads this index folder, through `folder-store.js`, which counts: an index too large to be put into the
   * simulator of KV. Nothing can be published then, only pointed at.
   */
  readonly folder?: string;
  /** Folder of the built Worker; left out: that of this checkout. */
  readonly built?: string;
  /** Variables and secrets. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Requests a minute that the platform's limiter lets through for each key; left out: none is bound. */
  readonly rateLimit?: number;
  /** Takes each line that the Worker logs; left out: nobody, as what a bench prints may be read by a program. */
  readonly onLog?: (line: string) => void;
  /** Connections at a time; others wait for one. */
  readonly connections?: number;
}

/** Starts workerd with the Worker alone in it, and KV or R2. Nothing is published yet. */
export async function startWorker(options: WorkerOptions = {}): Promise<RunningWorker> {
  const {
    inspect = false,
    badDay = false,
    r2 = false,
    built = OWN_BUILD,
    variables,
    rateLimit,
    connections = 8,
  } = options;
  const { onLog = () => undefined, folder } = options;
  const chunks = directorySource(folder ?? built);
  const files = readdirSync(built);
  const script = files.find((file) => file.endsWith("worker.js"));
  // every one: an older build may have left its kernel beside the one that the script imports
  const kernels = files.filter((file) => file.endsWith(".wasm"));
  if (script === undefined || kernels.length === 0)
    throw new Error(`[edge] ${built} has no Worker: run npm run build -w @poeem/edge first`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(inspect && { inspectorPort: 0 }),
      handleStructuredLogs: ({ message }: { message: string }) => onLog(message),
      workers: [
        {
          name: "edge",
          modules: [
            ...(inspect
              ? [{ type: "ESModule" as const, path: join(OWN_BUILD, "told.js"), contents: tellKernels(script) }]
              : []),
            // Named as if they lay here: workerd takes no path above the folder that it starts in.
            { type: "ESModule", path: join(OWN_BUILD, script), contents: readFileSync(join(built, script), "utf8") },
            ...kernels.map((file) => ({
              type: "CompiledWasm" as const,
              path: join(OWN_BUILD, file),
              contents: readFileSync(join(built, file)),
            })),
          ],
          ...(badDay
            ? { serviceBindings: { INDEX: { name: "bad-day", entrypoint: "BadDay" } } }
            : folder !== undefined
              ? { serviceBindings: { INDEX: { name: "folder-store", entrypoint: "FolderStore" } } }
              : r2
                ? { r2Buckets: ["INDEX_BUCKET"] }
                : { kvNamespaces: ["INDEX"] }),
          ...(variables && { bindings: { ...variables } }),
          ...(rateLimit && {
            ratelimits: { RATE_LIMIT: { namespace_id: "1001", simple: { limit: rateLimit, period: 60 as const } } },
          }),
          compatibilityDate: "2026-10-01",
          unsafeDirectSockets: [{ port: 0 }],
        },
        {
          name: "bad-day",
          modules: true,
          script: readFileSync(join(import.meta.dirname, "bad-day.js"), "utf8"),
          kvNamespaces: ["INDEX"],
          compatibilityDate: "2026-10-01",
        },
        {
          name: "folder-store",
          modules: true,
          script: readFileSync(join(import.meta.dirname, "folder-store.js"), "utf8"),
          kvNamespaces: ["INDEX"],
          serviceBindings: {
            FILES: async (asked: { readonly url: string }) => {
              const key = decodeURIComponent(new URL(asked.url).pathname.slice(1));
              const bytes = await chunks.get(key).catch(() => undefined);
              return bytes === undefined ? new Response(null, { status: 404 }) : new Response(bytes);
            },
          },
          compatibilityDate: "2026-10-01",
        },
      ],
    }),
  );
  await miniflare.ready;
  const address = await miniflare.unsafeGetDirectURL("edge");
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const inspector = inspect ? await Inspector.connect(await miniflare.getInspectorURL()) : undefined;
  /** An isolate that was busy when it was asked answers only when it is next woken: so it is woken, now and then. */
  const inspected = async (method: string, wakeMs: number): Promise<Record<string, number>> => {
    if (inspector === undefined) throw new Error("[edge] memory needs a Worker started with inspect");
    const answer = inspector.ask(method);
    for (;;) {
      const first = await Promise.race([
        answer,
        new Promise<undefined>((wake) => setTimeout(() => wake(undefined), wakeMs)),
      ]);
      if (first !== undefined) return first;
      await Promise.race([answer, send(new URL("/healthz", address), agent)]);
    }
  };
  const storeOf = async (): Promise<{ put(key: string, value: Uint8Array | string): Promise<unknown> }> =>
    r2 ? miniflare.getR2Bucket("INDEX_BUCKET", "edge") : miniflare.getKVNamespace("INDEX", "bad-day");
  const point = async (version: string, name?: string) => {
    const pointer = { version, manifestKey: manifestKey(version), publishedAt: new Date().toISOString() };
    await (await storeOf()).put(pointerKey(name), formatPointer(pointer));
  };
  return {
    async memory() {
      const { usedSize, backingStorageSize } = await inspected("Runtime.getHeapUsage", 200);
      const kernels = Number((await send(new URL("/kernel-bytes", address), agent)).body);
      return { heap: usedSize!, buffers: backingStorageSize! + kernels, rss: rssOfChildren("workerd") };
    },
    async collectGarbage() {
      await inspected("HeapProfiler.collectGarbage", 1);
    },
    hangUp: (path, afterMs) => hangUp(new URL(path, address), afterMs),
    send: (path, body, headers) => send(new URL(path, address), agent, body, headers),
    async ask(path) {
      const answer = await send(new URL(path, address), agent);
      if (answer.status === 200) return answer;
      throw new Error(`${path.slice(0, 60)} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
    },
    async trouble(path) {
      const name = folder === undefined ? "bad-day" : "folder-store";
      const response = await (await miniflare.getWorker(name)).fetch(`http://${name}${path}`);
      return (await response.json()) as Record<string, number>;
    },
    async publish({ chunks, manifestBytes, version }, name) {
      const store = await storeOf();
      for (let i = 0; i < chunks.length; i += PUTS)
        await Promise.all(chunks.slice(i, i + PUTS).map(({ key, bytes }) => store.put(chunkKey(key), bytes)));
      await store.put(manifestKey(version), manifestBytes);
      await point(version, name);
    },
    point,
    async stop() {
      inspector?.close();
      agent.destroy();
      await miniflare.dispose();
    },
  };
}

function hangUp(url: URL, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false }, (response) => response.resume());
    sent.on("error", () => undefined);
    sent.on("close", resolve);
    setTimeout(() => sent.destroy(), afterMs);
    sent.end();
  });
}

function send(url: URL, agent: Agent, posted?: string, headers: Sent["headers"] = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const options =
      posted === undefined
        ? { agent, headers: { ...headers } }
        : { agent, method: "POST", headers: { "content-type": "application/json", ...headers } };
    const sent = request(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const body = Buffer.concat(parts).toString();
        const ms = performance.now() - startedAt;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, ms });
      });
      response.on("error", reject);
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      // The server may close a connection at the moment at which it is used again.
      if (sent.reusedSocket && error.code === "ECONNRESET") resolve(send(url, agent, posted, headers));
      else reject(error);
    });
    sent.end(posted);
  });
}
