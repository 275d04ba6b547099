/** The built Worker in workerd, asked over its own socket: no development proxy between, which would cost more than a search. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { type Artifact, chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const built = join(import.meta.dirname, "../dist/worker");

export interface RunningWorker {
  /** Milliseconds from sending to the last byte, and the body. */
  ask(path: string): Promise<{ readonly ms: number; readonly body: string }>;
  publish(artifact: Artifact): Promise<void>;
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

export async function startWorker({ inspect = false } = {}): Promise<RunningWorker> {
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
          kvNamespaces: ["INDEX"],
          compatibilityDate: "2026-10-01",
          unsafeDirectSockets: [{ port: 0 }],
        },
      ],
    }),
  );
  await miniflare.ready;
  const address = await miniflare.unsafeGetDirectURL("edge");
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const inspector = inspect ? await Inspector.connect(await miniflare.getInspectorURL()) : undefined;
  return {
    async memory() {
      if (inspector === undefined) throw new Error("[edge] memory needs a Worker started with inspect");
      const { usedSize, backingStorageSize } = await inspector.ask("Runtime.getHeapUsage");
      return { heap: usedSize!, buffers: backingStorageSize!, rss: rssOfChildren("workerd") };
    },
    ask: (path) => ask(new URL(path, address), agent),
    async publish({ chunks, manifestBytes, version }) {
      const kv = await miniflare.getKVNamespace("INDEX", "edge");
      for (const { key, bytes } of chunks) await kv.put(chunkKey(key), bytes);
      await kv.put(manifestKey(version), manifestBytes);
      await kv.put(
        pointerKey(),
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

function ask(url: URL, agent: Agent): Promise<{ ms: number; body: string }> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const sent = request(url, { agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const body = Buffer.concat(parts).toString();
        if (response.statusCode === 200) resolve({ ms: performance.now() - startedAt, body });
        else reject(new Error(`${url.pathname} answered ${response.statusCode}: ${body.slice(0, 300)}`));
      });
    });
    sent.on("error", reject);
    sent.end();
  });
}

/** Chrome's DevTools protocol over the socket that workerd offers for a Worker. */
class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: Record<string, number>) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result: Record<string, number> };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  static async connect(base: URL): Promise<Inspector> {
    const listed = (await (await fetch(`http://${base.host}/json`)).json()) as {
      id: string;
      webSocketDebuggerUrl: string;
    }[];
    const own = listed.find(({ id }) => id.includes("edge"));
    if (own === undefined)
      throw new Error(`[edge] the inspector lists ${listed.map(({ id }) => id).join(", ")}, no "edge"`);
    const socket = new WebSocket(own.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Inspector(socket);
  }

  ask(method: string): Promise<Record<string, number>> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** Resident bytes of the children of this process that run `name`; Linux only, elsewhere 0. */
function rssOfChildren(name: string): number {
  const field = (status: string, key: string) => new RegExp(`^${key}:\\s+(\\S+)`, "m").exec(status)?.[1];
  let kilobytes = 0;
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)) : []) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (field(status, "PPid") === String(process.pid) && field(status, "Name") === name)
        kilobytes += Number(field(status, "VmRSS"));
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes * 1024;
}
