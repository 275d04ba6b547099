import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { naming, UserError } from "@poeem/offline/errors";
import { readBytes, readStart } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { directorySource } from "@poeem/offline/index-folder/write";
import { counted } from "@poeem/offline/progress";
import { listChunks, openManifest } from "@poeem/pq-core";
import { type ChunkHeader, isChunk, MAX_CHUNK_BYTES, MAX_MANIFEST_BYTES, readChunkHeader } from "@poeem/pq-core/write";
import { openItemTowerFile } from "../artifact/item-tower-file.ts";
import { readCheckpointFile } from "../train/checkpoint-file.ts";
import type { Facts } from "./facts.ts";
import { manifestFacts } from "./index-facts.ts";
import { queryTowerFacts, towerFacts } from "./tower-facts.ts";
import { wordFacts } from "./word-facts.ts";

/** What tells kinds of files apart. */
const START_BYTES = 16;

const starts = (bytes: Uint8Array, text: string): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(text.length, bytes.length)).toString("latin1") === text;

/** What one file is, told by its first bytes: a manifest, a chunk, a checkpoint, a query tower or an item tower. */
export async function fileFacts(file: string): Promise<Facts> {
  const start = await readStart(file, START_BYTES);
  if (isChunk(start)) return factsOf(file, MAX_CHUNK_BYTES, (bytes) => chunkFacts(file, bytes));
  if (starts(start, "{"))
    return factsOf(file, MAX_MANIFEST_BYTES, async (bytes) => ({
      file: "manifest",
      ...manifestFacts(await openManifest(bytes)),
    }));
  if (starts(start, "POEEMCKP"))
    return { file: "checkpoint", bytes: (await stat(file)).size, ...(await checkpointFacts(file)) };
  if (starts(start, "PQTW"))
    return factsOf(file, undefined, (bytes) => ({ file: "query tower", ...queryTowerFacts(bytes) }));
  if (starts(start, "PQIT"))
    return factsOf(file, undefined, (bytes) => ({ file: "item tower", ...itemTowerFacts(file, bytes) }));
  throw new UserError(
    `${file}: expected an index folder, a manifest, a chunk, a checkpoint, a query tower or an item tower, got ` +
      `something else`,
  );
}

/** @param most bytes of such a file */
async function factsOf(
  file: string,
  most: number | undefined,
  facts: (bytes: Uint8Array) => Facts | Promise<Facts>,
): Promise<Facts> {
  const bytes = await readBytes(file, most);
  return naming(file, () => facts(bytes));
}

/** Kinds of chunks that hold a range of blocks, items, ids or terms, or list such chunks. */
const RANGES: ReadonlySet<string> = new Set(["lists", "items", "lookup", "postings", "pages", "filter-pages"]);

async function chunkFacts(file: string, bytes: Uint8Array): Promise<Facts> {
  const { payload, ...header } = readChunkHeader(bytes);
  const { first, count, ...rest } = header;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    file: "chunk",
    ...rest,
    // all others are of the whole index
    ...(RANGES.has(header.kind) && { first, count }),
    bytes: bytes.length,
    payload: payload.length,
    sha256,
    ...(await agreement(file, sha256)),
    ...(await payloadFacts(file, { payload, ...header })),
  };
}

/** Whether the name and the manifest beside it say the same as the bytes. */
async function agreement(file: string, sha256: string): Promise<Facts> {
  const name = basename(file);
  const named = /-([0-9a-f]{16})\.bin$/.exec(name)?.[1];
  const manifestFile = join(dirname(file), "manifest.json");
  const beside = existsSync(manifestFile)
    ? await openManifest(await readBytes(manifestFile, MAX_MANIFEST_BYTES))
    : undefined;
  // those of tables too, unless one of these is damaged
  const chunks = beside && (await listChunks(beside, directorySource(dirname(file))).catch(() => beside.chunks));
  const entry = chunks?.find(({ key }) => key === name);
  return {
    nameFits: named === undefined ? undefined : sha256.startsWith(named),
    manifestBesideIt: !beside ? "none" : !entry ? "does not name it" : entry.sha256 === sha256 ? "agrees" : "differs",
  };
}

/** Whether a chunk of lists is a page that a table lists, which counts items and not blocks. */
async function isPage(file: string): Promise<boolean> {
  const manifestFile = join(dirname(file), "manifest.json");
  if (!existsSync(manifestFile)) return false;
  const { cellsPerPage, chunks } = await openManifest(await readBytes(manifestFile, MAX_MANIFEST_BYTES));
  return cellsPerPage !== undefined && !chunks.some(({ key }) => key === basename(file));
}

/** What can be said of the payload by itself, or with the index that lies around it. */
async function payloadFacts(file: string, { kind, seq, first, count, payload }: ChunkHeader): Promise<Facts> {
  if (kind === "lists") return (await isPage(file)) ? {} : { roomForItems: 32 * count };
  // one of several parts says nothing by itself
  if (kind === "query-tower") return starts(payload, "PQTW") && seq === 0 ? await wholeTower(file, payload) : {};
  if (!existsSync(join(dirname(file), "manifest.json"))) return {};
  const index = await openIndexDirectory(dirname(file));
  if (kind === "items" && count > 0) {
    const [item] = await index.items([first]);
    return { firstId: String(item!.id), firstFields: item!.fields && JSON.stringify(item!.fields) };
  }
  if (kind === "filters") {
    const facets = Object.entries(await index.facets());
    return {
      facets: Object.fromEntries(facets.map(([name, values]) => [name, counted(Object.keys(values).length, "value")])),
    };
  }
  if (kind === "words") return { words: await wordFacts(index) };
  if (kind === "codebook") {
    const { dim, metric, nlist, numSubQuantizers, numCentroids, subDim, rotation } = index.codebook;
    return {
      dim,
      metric,
      coarseCentroids: nlist,
      centroids: `${numSubQuantizers} × ${numCentroids} of ${subDim} dimensions`,
      rotation: rotation !== undefined,
    };
  }
  return {};
}

async function wholeTower(file: string, payload: Uint8Array): Promise<Facts> {
  if (!existsSync(join(dirname(file), "manifest.json"))) return { queryTower: queryTowerFacts(payload) };
  const whole = await (await openIndexDirectory(dirname(file))).queryTower();
  return { queryTower: queryTowerFacts(whole ?? payload) };
}

async function checkpointFacts(file: string): Promise<Facts> {
  const { facts, state } = await readCheckpointFile<Record<string, unknown>>(file);
  const arrays = Object.entries(state).map(([name, value]): [string, string | number] => [
    name,
    typeof value === "number" ? value : `${value.constructor.name} of ${value.length}`,
  ]);
  return { facts: Object.keys(facts), state: Object.fromEntries(arrays) };
}

function itemTowerFacts(file: string, bytes: Uint8Array): Facts {
  const { weights, moments, queries } = openItemTowerFile(file, bytes);
  const facts = { ...towerFacts(weights), scoreAware: moments !== undefined };
  return { bytes: bytes.length, ...facts, trainingQueries: queries?.texts.length };
}
