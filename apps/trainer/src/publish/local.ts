import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core";
import { getPlatformProxy } from "wrangler";
import { messageOf, UserError } from "../errors.ts";
import { createProgress } from "../progress.ts";
import type { CheckedArtifact } from "./read-artifact.ts";

export interface PublishFacts {
  readonly name: string;
  readonly version: string;
  readonly chunksWritten: number;
  readonly chunksPresent: number;
  readonly bytesWritten: number;
}

/** The part of a KV namespace that publishing needs. */
export interface KeyValueStore {
  get(key: string, type: "arrayBuffer"): Promise<ArrayBuffer | null>;
  put(key: string, value: Uint8Array | string): Promise<void>;
}

/** Publishes into the KV that `wrangler dev` reads on this machine. */
export async function publishLocal(
  artifact: CheckedArtifact,
  options: { worker: string; persist?: string },
): Promise<PublishFacts> {
  const configPath = resolve(options.worker, "wrangler.jsonc");
  if (!existsSync(configPath)) throw new UserError(`--worker ${options.worker}: no wrangler.jsonc in it`);
  const state = resolve(options.persist ?? join(options.worker, ".wrangler/state"));
  // The proxy wants the folder of one storage version; `wrangler dev --persist-to` adds it by itself.
  const proxy = await getPlatformProxy<{ INDEX?: KeyValueStore }>({ configPath, persist: { path: join(state, "v3") } });
  try {
    if (!proxy.env.INDEX) throw new UserError(`${configPath}: expected a KV namespace bound as INDEX`);
    return await publishInto(proxy.env.INDEX, artifact);
  } finally {
    await proxy.dispose();
  }
}

/**
 * Writes all chunks and the manifest, reads each back, and only then the pointer: a reader sees the old version or the
 * whole new one. Chunks that are there already (their key is their content) are read and left.
 */
export async function publishInto(store: KeyValueStore, artifact: CheckedArtifact): Promise<PublishFacts> {
  const { version } = artifact.manifest;
  const values = [
    ...artifact.chunks.map(({ key, bytes }) => ({ key: chunkKey(key), bytes })),
    { key: manifestKey(version), bytes: artifact.manifestBytes },
  ];
  const progress = createProgress("publish", values.length, "chunks");
  let chunksWritten = 0;
  let bytesWritten = 0;
  try {
    for (const [done, { key, bytes }] of values.entries()) {
      if (!(await holds(store, key, bytes))) {
        await store.put(key, bytes);
        chunksWritten++;
        bytesWritten += bytes.length;
        if (!(await holds(store, key, bytes)))
          throw new UserError(`KV gave back other bytes for ${key} than were written; the pointer stays where it was`);
      }
      progress.update(done + 1);
    }
    await store.put(
      pointerKey(),
      formatPointer({ version, manifestKey: manifestKey(version), publishedAt: new Date().toISOString() }),
    );
  } catch (error) {
    throw error instanceof UserError
      ? error
      : new UserError(`publishing stopped before the pointer was written: ${messageOf(error)}`);
  } finally {
    progress.stop();
  }
  return { name: pointerKey(), version, chunksWritten, chunksPresent: values.length - chunksWritten, bytesWritten };
}

async function holds(store: KeyValueStore, key: string, bytes: Uint8Array): Promise<boolean> {
  const value = await store.get(key, "arrayBuffer");
  return value !== null && Buffer.from(value).equals(bytes);
}
