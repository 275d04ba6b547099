/**
 * The built Worker in workerd, asked over its own socket: no development proxy between, which would cost more than a
 * search.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import type { Artifact } from "@poeem/pq-core";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { Inspector, rssOfChildren } from "./inspector.ts";

const built = join(import.meta.dirname, "../dist/worker");

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** Milliseconds from sending to the last byte. */
  readonly ms: number;
}

export interface RunningWorker {
  /** Any answer; with a body it is a POST of JSON. */
  send(path: string, body?: string): Promise<Answer>;
  /** Milliseconds from sending to the last byte, and the body. */
  ask(path: string): Promise<{ readonly ms: number; readonly body: string }>;
  publish(artifact: Artifact, name?: string): Promise<void>;
  /** Asks the store that makes trouble; see `bad-day.js`. */
  trouble(path: string): Promise<Record<string, number>>;
  /** Bytes of the Worker's isolate and of the whole process, now. Only when started with an inspector. */
  memory(): Promise<Memory>;
  stop(): Promise<void>;
}

/** Bytes. Garbage that has not been collected yet is in all of them. */
export interface Memory {
  /** JavaScript heap of the isolate in use. */
  readonly heap: number;
  /** Array buffers of the isolate, WASM memory included, by V8's own count. */
  readonly buffers: number;
  /** Resident set of the workerd process: the runtime itself, the KV simulator and its files' pages are in it. */
  readonly rss: number;
}

/** @param options.badDay the Worker reads KV through `bad-day.js`, which fails, hangs and lies when it is told to */
export async function startWorker({ inspect = false, badDay = false } = {}): Promise<RunningWorker> {
  // every one: an older build may have left its kernel beside the one that worker.js imports
  const kernels = readdirSync(built).filter((file) => file.endsWith(".wasm"));
  if (kernels.length === 0) throw new Error(`[edge] ${built} has no kernel: run npm run build -w @poeem/edge first`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(inspect && { inspectorPort: 0 }),
      workers: [
        {
          name: "edge",
          modules: [
            {
              type: "ESModule",
              path: join(built, "worker.js"),
              contents: readFileSync(join(built, "worker.js"), "utf8"),
            },
            ...kernels.map((file) => ({
              type: "CompiledWasm" as const,
              path: join(built, file),
              contents: readFileSync(join(built, file)),
            })),
          ],
          ...(badDay
            ? { serviceBindings: { INDEX: { name: "bad-day", entrypoint: "BadDay" } } }
            : { kvNamespaces: ["INDEX"] }),
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
      ],
    }),
  );
  await miniflare.ready;
  const address = await miniflare.unsafeGetDirectURL("edge");
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const inspector = inspect ? await Inspector.connect(await miniflare.getInspectorURL()) : undefined;
  return {
    inspector: () => inspector,
    async memory() {
      if (inspector === undefined) throw new Error("[edge] memory needs a Worker started with inspect");
      const { usedSize, backingStorageSize } = await inspector.ask("Runtime.getHeapUsage");
      return { heap: usedSize!, buffers: backingStorageSize!, rss: rssOfChildren("workerd") };
    },
    send: (path, body) => send(new URL(path, address), agent, body),
    async ask(path) {
      const answer = await send(new URL(path, address), agent);
      if (answer.status === 200) return answer;
      throw new Error(`${path.slice(0, 60)} answered ${answer.status}: ${answer.body.slice(0, 300)}`);
    },
    async trouble(path) {
      const response = await (await miniflare.getWorker("bad-day")).fetch(`http://bad-day${path}`);
      return (await response.json()) as Record<string, number>;
    },
    async publish({ chunks, manifestBytes, version }, name) {
      const kv = await miniflare.getKVNamespace("INDEX", "bad-day");
      for (const { key, bytes } of chunks) await kv.put(chunkKey(key), bytes);
      await kv.put(manifestKey(version), manifestBytes);
      await kv.put(
        pointerKey(name),
        formatPointer({ version, manifestKey: manifestKey(version), publishedAt: new Date().toISOString() }),
      );
    },
    async stop() {
      inspector?.close();
      agent.destroy();
      await miniflare.dispose();
    },
  };
}

function send(url: URL, agent: Agent, posted?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const options =
      posted === undefined ? { agent } : { agent, method: "POST", headers: { "content-type": "application/json" } };
    const sent = request(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const body = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, body, ms: performance.now() - startedAt });
      });
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(posted);
  });
}
