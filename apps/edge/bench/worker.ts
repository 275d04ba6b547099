/** The built Worker in workerd, asked over its own socket: no development proxy between, which would cost more than a search. */
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { type Artifact, chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

const built = join(import.meta.dirname, "../dist/worker");

export interface RunningWorker {
  /** Milliseconds from sending to the last byte, and the body. */
  ask(path: string): Promise<{ readonly ms: number; readonly body: string }>;
  publish(artifact: Artifact): Promise<void>;
  stop(): Promise<void>;
}

export async function startWorker(): Promise<RunningWorker> {
  // every one: an older build may have left its kernel beside the one that worker.js imports
  const kernels = readdirSync(built).filter((file) => file.endsWith(".wasm"));
  if (kernels.length === 0) throw new Error(`[edge] ${built} has no kernel: run npm run build -w @poeem/edge first`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
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
  return {
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
