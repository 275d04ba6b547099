/**
 * `npm run bench:publish [-- --keys 531,3330] [--json]`: minutes that publish and rollback take for want of requests
 * that Cloudflare allows, by a clock that moves by waiting alone: what sending takes comes on top. The publisher's own
 * code, against the documented REST endpoints; chunks are tiny, since only their number counts.
 */
import { parseArgs } from "node:util";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { publishInto } from "../packages/publish/src/publish-into.ts";
import { rollbackTo } from "../packages/publish/src/rollback.ts";
import { restStore } from "../packages/publish/src/stores/rest.ts";
import { ACCOUNT, KvServer, NAMESPACE, TOKEN } from "../packages/publish/test/kv-server.ts";

const { values } = parseArgs({
  options: { json: { type: "boolean", default: false }, keys: { type: "string", default: "531,3330" } },
});
/** Ids of 13 bytes fill a page of 1024 bytes with items, and another one with look-ups. */
const ITEMS_PER_KEY = 13.22;
/** 1.4 GB go out in groups of 32 MiB. */
const GROUPS = 40;

async function makeArtifact(seed: number, keys: number) {
  const items = Math.round(keys * ITEMS_PER_KEY);
  const codebook = createCodebook({
    dim: 8,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 4,
    nbits: 4,
    byResidual: false,
    centroids: Float32Array.from({ length: 16 * 8 }, (_, i) => Math.sin(i)),
  });
  const ids = Array.from({ length: items }, (_, i) => `${seed}-${String(i).padStart(11, "0")}`);
  const codes = new Uint8Array(items * 4).fill(seed);
  const { chunks, ...artifact } = await writeArtifact({
    codebook,
    assignments: new Uint32Array(items),
    codes,
    ids,
    itemChunkBytes: 1024,
  });
  const bytesOf = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0);
  return { ...artifact, keys: chunks.length + 1, bytes, read: async (key: string) => bytesOf.get(key)! };
}

for (const keys of values.keys.split(",").map(Number)) {
  let now = Date.UTC(2026, 10, 29);
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
  };
  const server = await KvServer.start();
  server.now = clock.now;
  const ids = { accountId: ACCOUNT, namespaceId: NAMESPACE, apiToken: TOKEN };
  /** Each as a command of its own, whose requests are counted anew. */
  const minutesOf = async (work: (store: ReturnType<typeof restStore>) => Promise<unknown>) => {
    const startedAt = now;
    await work(restStore({ ...ids, baseURL: server.baseURL, clock }));
    return Math.round((now - startedAt) / 6000) / 10;
  };
  let written = 0;
  let publish = 0;
  for (const seed of [1, 2]) {
    const artifact = await makeArtifact(seed, keys);
    written = artifact.keys;
    const options = { clock, groupBytes: Math.ceil(artifact.bytes / GROUPS) };
    publish = await minutesOf((store) => publishInto(store, artifact, options));
  }
  const rollback = await minutesOf((store) => rollbackTo(store, "current", undefined, { clock }));
  await server.stop();
  const row = { keys: written, publish, rollback };
  console.log(
    values.json ? JSON.stringify(row) : `${written} keys: publish ${publish} minutes, rollback ${rollback} minutes`,
  );
}
