import { createHash } from "node:crypto";
import { chunkKey } from "../src/format/chunk.ts";
import type { Artifact, Index } from "../src/index.ts";
import { createCodebook, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { normals, random, randomCodes } from "./support.ts";
import { toItemWords, type WordsOfItem } from "./word-rows.ts";

/** A small artifact with everything in it: strings, fields, facets, numbers, a query tower; words where asked. */
export async function smallArtifact(words?: (i: number) => WordsOfItem): Promise<Artifact> {
  const next = random(11);
  const n = 40;
  const codebook = createCodebook({
    dim: 4,
    metric: "cosine",
    nlist: 2,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: true,
    coarseCentroids: normals(8, next),
    centroids: normals(64, next),
  });
  const index = Array.from({ length: n }, (_, i) => i);
  return writeArtifact({
    codebook,
    ...randomCodes(codebook, n, 12),
    ids: index.map((i) => `id${i}`),
    fields: index.map((i) => ({ t: i })),
    facets: {
      parity: index.map((i) => (i % 2 === 0 ? "even" : "odd")),
      rare: index.map((i) => (i === 5 ? "yes" : undefined)),
    },
    numbers: { rank: index },
    queryTower: Uint8Array.of(1, 2, 3),
    ...(words === undefined
      ? {}
      : { words: toItemWords(index.map(words)), wordFacts: { rules: 2, dense: 1, words: 1, near: [0, 1] } }),
  });
}

/** The small artifact with two items added, one updated and two removed; `chunks` are those of the base too. */
export async function smallDelta(): Promise<Artifact> {
  const base = await smallArtifact();
  const index = await readAll(chunkMap(base), base.manifestBytes, true);
  const delta = await writeDelta(index, {
    items: {
      ...randomCodes(index.codebook, 3, 14),
      ids: ["id5", "new", "id100"],
      fields: [{ t: 5 }, { t: 50 }, { t: 51 }],
      facets: { parity: ["even", "odd", undefined], rare: ["yes", undefined, "no"] },
      numbers: { rank: [1, 2, Number.NaN] },
    },
    remove: ["id0", "id7"],
  });
  return { ...delta, chunks: [...base.chunks, ...delta.chunks] };
}

/** Opens an artifact and reads all there is to read. */
export async function readAll(
  chunks: ReadonlyMap<string, Uint8Array>,
  manifestBytes: Uint8Array,
  verify: boolean,
  kernelModule?: WebAssembly.Module,
): Promise<Index> {
  const source = {
    get: async (key: string) => {
      const bytes = chunks.get(key);
      if (bytes === undefined) throw new MissingChunk(key);
      return bytes;
    },
  };
  const index = await openWhole(source, manifestBytes, {
    verify,
    kernelModule,
    residentBytes: manifestBytes.length % 2 === 0 ? 0 : 1 << 20,
  });
  const { dim, numItems } = index.manifest;
  const query = new Float32Array(dim).fill(0.5);
  const n = Math.min(numItems, 50);
  const ordinals = Uint32Array.from({ length: n }, (_, i) => i);
  // By the name the file gives: an altered name is no damage that a reader could see.
  const [facet] = Object.keys(await index.facets());
  const filter = facet === undefined ? undefined : { facet, in: ["even"] };
  const { ordinals: found } = await index.search(query, { k: 5, nprobe: 2, filter, exclude: ["id3"] });
  for (const ordinal of found) if (ordinal >= numItems) throw new Error(`ordinal ${ordinal} of ${numItems} items`);
  await index.items(ordinals);
  await index.vectors(ordinals);
  await index.ordinals(["id0", "id39", "no"]);
  await index.queryTower();
  return index;
}

/** What the test's own source throws: the index must pass it on, it is not the format's fault. */
export class MissingChunk extends Error {
  override readonly name = "MissingChunk";
}

export function chunkMap(artifact: Artifact): Map<string, Uint8Array> {
  return new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
}

const sha = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** A manifest changed and its checksum made right again, so that the checks behind the checksum are reached. */
export function reseal(manifestBytes: Uint8Array, change: (manifest: Record<string, unknown>) => void): Uint8Array {
  const { checksum: _, ...rest } = JSON.parse(new TextDecoder().decode(manifestBytes)) as Record<string, unknown>;
  change(rest);
  return new TextEncoder().encode(JSON.stringify({ ...rest, checksum: sha(JSON.stringify(rest)) }));
}

/** Chunk `at` replaced, with its entry in the manifest made right: as if a hostile publisher had written it. */
export function replaceChunk(
  artifact: Artifact,
  at: number,
  bytes: Uint8Array,
): { chunks: Map<string, Uint8Array>; manifestBytes: Uint8Array } {
  const chunks = chunkMap(artifact);
  const entry = artifact.manifest.chunks[at]!;
  const before = artifact.manifest.chunks.slice(0, at);
  const seq = before.filter(({ kind, delta }) => kind === entry.kind && delta === entry.delta).length;
  const sha256 = sha(bytes);
  const key = chunkKey(entry.kind, seq, sha256);
  chunks.set(key, bytes);
  const manifestBytes = reseal(artifact.manifestBytes, (manifest) => {
    (manifest["chunks"] as object[])[at] = { ...entry, key, sha256, size: bytes.length };
  });
  return { chunks, manifestBytes };
}
