import { describe, expect, it } from "vitest";
import { readCodebook } from "../src/format/codebook-chunk.ts";
import { readFilters } from "../src/format/filters-chunk.ts";
import { readItemPage } from "../src/format/item-pages.ts";
import { readLookupPage } from "../src/format/lookup-pages.ts";
import { FormatError } from "../src/index.ts";
import { chunkMap, fuzz, MissingChunk, mutate, readAll, replaceChunk, reseal, smallArtifact } from "./hostile.ts";
import { kernelModule } from "./support.ts";

const artifact = await smallArtifact();
const kinds = artifact.manifest.chunks.map(({ kind }) => kind);
const listsAt = kinds.indexOf("lists");
const simd = kernelModule("kernel.wasm");

function edited(at: number, edit: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = artifact.chunks[at]!.bytes.slice();
  edit(new DataView(bytes.buffer), bytes);
  return bytes;
}

it("the small artifact itself is read, and has a chunk of every kind", async () => {
  await expect(readAll(chunkMap(artifact), artifact.manifestBytes, true)).resolves.toBeDefined();
  expect(new Set(kinds).size).toBe(6);
});

describe("one altered field of the chunk header, the hash made right", () => {
  it.each<[string, (view: DataView, bytes: Uint8Array) => void, RegExp]>([
    ["magic", (view) => view.setUint8(0, 0x51), /chunk lists-0000-.*"magic" expected 80 69 73 88, got 81 69 73 88/],
    ["format version", (view) => view.setUint16(4, 2, true), /"format version" expected 1, got 2/],
    ["kind", (view) => view.setUint16(6, 3, true), /"kind" expected 2, got 3/],
    ["seq", (view) => view.setUint32(8, 9, true), /"seq" expected 0, got 9/],
    ["first", (view) => view.setUint32(12, 1, true), /"first" expected 0, got 1/],
    ["count", (view) => view.setUint32(16, 7, true), /"count" expected 2, got 7/],
    [
      "payload length",
      (view) => view.setUint32(20, 0xffff_fff0, true),
      /"payload length, aligned" expected 352, got 4294967280/,
    ],
    ["reserved", (view) => view.setUint32(28, 1, true), /"reserved" expected 0, got 1/],
  ])("%s", async (_, edit, message) => {
    const { chunks, manifestBytes } = replaceChunk(artifact, listsAt, edited(listsAt, edit));
    const reading = readAll(chunks, manifestBytes, true);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe("one altered member of the manifest, the checksum made right", () => {
  it.each<[string, (manifest: Record<string, unknown>) => void, RegExp]>([
    ["format", (m) => (m["format"] = "zip"), /manifest: "format" expected poeem-edge-index, got zip/],
    ["formatVersion", (m) => (m["formatVersion"] = 3), /"formatVersion" expected 1 or 2, got 3/],
    ["formatVersion", (m) => (m["formatVersion"] = 2), /"formatVersion" expected 1, got 2/],
    ["version", (m) => (m["version"] = "latest"), /"version" expected 16 hex digits, got latest/],
    ["previousVersion", (m) => (m["previousVersion"] = 3), /"previousVersion" expected a string, got 3/],
    ["dim", (m) => (m["dim"] = 0), /"dim" expected an integer from 1 to 65536, got 0/],
    ["dim, larger than the chunks", (m) => (m["dim"] = 8), /"codebook chunks" expected \d+ payload bytes, got \d+/],
    ["metric", (m) => (m["metric"] = "hamming"), /"metric" expected one of innerProduct, cosine, l2, got hamming/],
    ["nlist", (m) => (m["nlist"] = 1.5), /"nlist" expected an integer from 0 to 16777216, got 1.5/],
    ["nlist, larger than the chunks", (m) => (m["nlist"] = 1 << 24), /"codebook chunks" expected \d+ payload bytes/],
    [
      "numSubQuantizers",
      (m) => (m["numSubQuantizers"] = "2"),
      /"numSubQuantizers" expected an integer from 1 to 65536, got 2/,
    ],
    ["numSubQuantizers, other", (m) => (m["numSubQuantizers"] = 4), /lists-0000-.*size" expected 448, got 384/],
    ["nbits", (m) => (m["nbits"] = 5), /"nbits" expected one of 4, 8, got 5/],
    ["byResidual", (m) => (m["byResidual"] = 1), /"byResidual" expected one of true, false, got 1/],
    ["hasRotation", (m) => (m["hasRotation"] = true), /"codebook chunks" expected/],
    ["numItems", (m) => (m["numItems"] = 4_000_000_000), /"lists chunks" expected to cover 125000000, got 2/],
    ["numItems, fewer", (m) => (m["numItems"] = 39), /"items chunks" expected to cover 39, got 40/],
    ["idType", (m) => (m["idType"] = "u8"), /"idType" expected one of string, u32, u64, got u8/],
    ["hasFields", (m) => (m["hasFields"] = false), /items-0000-.*expected \d+ payload bytes, got \d+/],
    ["defaultNprobe", (m) => (m["defaultNprobe"] = 3), /"defaultNprobe" expected an integer from 1 to 2, got 3/],
    ...[
      null,
      false,
      "1",
      [],
      { weight: -1, length: 1 },
      { weight: 1 },
      { weight: 1, length: "1" },
      { weight: 2e9, length: 1 },
    ].map((cellSpread): [string, (m: Record<string, unknown>) => unknown, RegExp] => [
      `cellSpread ${JSON.stringify(cellSpread)}`,
      (m) => Object.assign(m, { metric: "innerProduct", cellSpread }),
      /"cellSpread(.weight|.length)?" expected (an object|a number from 0 to 1000000000), got /,
    ]),
    [
      "cellSpread without cells",
      (m) =>
        Object.assign(m, { metric: "innerProduct", nlist: 0, defaultNprobe: 1, cellSpread: { weight: 1, length: 1 } }),
      /"cellSpread" expected nothing without cells, got /,
    ],
    [
      "cellSpread, other metric",
      (m) => Object.assign(m, { metric: "l2", cellSpread: { weight: 1, length: 1 } }),
      /"cellSpread" expected nothing unless metric is innerProduct, got l2/,
    ],
    ["chunks", (m) => (m["chunks"] = {}), /"chunks" expected an array/],
    [
      "a chunk's kind",
      (m) => ((m["chunks"] as { kind: string }[])[1]!.kind = "blob"),
      /"chunks\[1\].kind" expected one of codebook/,
    ],
    [
      "a chunk's key",
      (m) => ((m["chunks"] as { key: string }[])[1]!.key = "../x"),
      /"chunks\[1\].key" expected lists-0000-\w+.bin, got ..\/x/,
    ],
    [
      "a chunk's size",
      (m) => ((m["chunks"] as { size: number }[])[1]!.size = 9e9),
      /"chunks\[1\].size" expected an integer from 32 to 8388608/,
    ],
    [
      "a chunk's sha256",
      (m) => ((m["chunks"] as { sha256: string }[])[1]!.sha256 = "00"),
      /"chunks\[1\].sha256" expected 64 hex digits, got 00/,
    ],
    ["a chunk's first", (m) => ((m["chunks"] as { first: number }[])[1]!.first = 1), /first" expected 0, got 1/],
    [
      "a chunk's count",
      (m) => ((m["chunks"] as { count: number }[])[1]!.count = 1),
      /"lists chunks" expected to cover 2, got 1/,
    ],
    [
      "a missing chunk",
      (m) => (m["chunks"] as unknown[]).splice(0, 1),
      /"codebook chunks" expected \d+ payload bytes, got 0/,
    ],
  ])("%s", async (_, change, message) => {
    const reading = readAll(chunkMap(artifact), reseal(artifact.manifestBytes, change), true);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });

  it.each([
    ["not JSON", "{", /is not JSON in UTF-8/],
    ["an array", "[]", /"root" expected an object/],
    [
      "nested too deeply",
      `{"format":"poeem-edge-index","formatVersion":1,"x":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
      /manifest/,
    ],
  ])("%s", async (_, text, message) => {
    await expect(readAll(chunkMap(artifact), new TextEncoder().encode(text), true)).rejects.toThrow(message);
  });
});

describe("altered payloads, the hash made right", () => {
  const floats = (kind: string, at: number, value: number) => (): [number, Uint8Array] => {
    const chunk = kinds.indexOf(kind as (typeof kinds)[number]);
    return [chunk, edited(chunk, (view) => view.setFloat32(32 + at, value, true))];
  };
  const words = (kind: string, at: number, value: number) => (): [number, Uint8Array] => {
    const chunk = kinds.indexOf(kind as (typeof kinds)[number]);
    return [chunk, edited(chunk, (view) => view.setUint32(32 + at, value, true))];
  };
  // Codebook payload: 8 coarse floats (32 bytes), 64 floats (256), offsets (12 → 16), term range.
  it.each<[string, () => [number, Uint8Array], RegExp]>([
    [
      "a coarse centroid that is no number",
      floats("codebook", 4, Number.NaN),
      /coarseCentroids\[1\]" expected a finite number, got NaN/,
    ],
    [
      "an infinite centroid",
      floats("codebook", 32, Number.POSITIVE_INFINITY),
      /centroids\[0\]" expected a finite number, got Infinity/,
    ],
    [
      "list offsets that do not start at 0",
      words("codebook", 288, 1),
      /"list offsets\[0\]" expected from 0 to 0, got 1/,
    ],
    ["list offsets beyond the items", words("codebook", 292, 41), /"list offsets\[1\]" expected from 0 to 40, got 41/],
    ["list offsets that end early", words("codebook", 296, 39), /"list offsets/],
    ["a negative term range", floats("codebook", 304, -1), /"term range" expected 0 ≤ min ≤ max, got -1/],
    ["string offsets beyond the bytes", words("items", 4, 9999), /"ids offsets\[1\]" expected from 0 to/],
    ["a look-up ordinal beyond the items", words("lookup", 0, 40), /"ordinals\[0\]" expected below 40, got 40/],
    ["a directory longer than the filters", words("filters", 0, 9999), /"directory" expected 9999 bytes/],
    ["a directory that is no JSON", words("filters", 16, 0), /"directory" expected JSON/],
  ])("%s", async (_, make, message) => {
    const { chunks, manifestBytes } = replaceChunk(artifact, ...make());
    const reading = readAll(chunks, manifestBytes, true);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });
});

it("rejects every flip of a single byte and every truncation of every chunk", async () => {
  for (const { key, bytes } of artifact.chunks) {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice();
      flipped[at]! ^= 1 << (at % 8);
      for (const bad of [flipped, bytes.subarray(0, at)]) {
        await expect(readAll(chunkMap(artifact).set(key, bad), artifact.manifestBytes, true)).rejects.toThrow(
          FormatError,
        );
      }
    }
  }
});

it("rejects every flip of a single byte and every truncation of the manifest, or reads the same JSON", async () => {
  const bytes = artifact.manifestBytes;
  const same = JSON.stringify(artifact.manifest);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at]! ^= 1 << (at % 8);
    for (const bad of [flipped, bytes.subarray(0, at)]) {
      const outcome = await readAll(chunkMap(artifact), bad, true).then(
        (index) => JSON.stringify(index.manifest),
        (error: unknown) => error,
      );
      if (outcome !== same) expect(outcome).toBeInstanceOf(FormatError);
    }
  }
});

it("passes on what the source throws", async () => {
  await expect(readAll(new Map(), artifact.manifestBytes, true)).rejects.toThrow(MissingChunk);
});

/** Mutations of each fuzz run; FUZZ=1000000 for longer ones. */
const FUZZ = Number(process.env["FUZZ"] ?? 100_000);

it(`the readers survive ${FUZZ} mutated payloads: an answer or a FormatError, and no more memory than declared`, {
  timeout: 600_000,
}, async () => {
  const { manifest } = artifact;
  const payloads = artifact.chunks.map(({ bytes }) =>
    bytes.subarray(32, 32 + new DataView(bytes.buffer).getUint32(20, true)),
  );
  await fuzz(FUZZ, 2026, (int) => {
    const at = int(payloads.length);
    const { kind, count } = manifest.chunks[at]!;
    const payload = mutate(payloads[at]!.slice(), int);
    if (kind === "codebook") readCodebook(manifest, payload);
    else if (kind === "items") {
      const { item } = readItemPage(kind, payload, count, manifest.idType, manifest.hasFields);
      for (let i = 0; i < count; i += 13) item(i);
    } else if (kind === "lookup") readLookupPage(kind, payload, count, manifest.idType, manifest.numItems).find("id17");
    else if (kind === "filters") readFilters(payload, manifest.numItems);
  });
});

it(`whole artifacts survive ${FUZZ / 20} mutations: an answer or a FormatError, nothing else`, {
  timeout: 600_000,
}, async () => {
  await fuzz(FUZZ / 20, 2027, (int, run) => {
    const at = int(artifact.chunks.length + 1);
    const isManifest = at === artifact.chunks.length;
    const bytes = mutate((isManifest ? artifact.manifestBytes : artifact.chunks[at]!.bytes).slice(), int);
    const chunks = chunkMap(artifact);
    if (!isManifest) chunks.set(artifact.chunks[at]!.key, bytes);
    // Without the hashes, so that the mutation reaches the checks behind them.
    return readAll(chunks, isManifest ? bytes : artifact.manifestBytes, false, run % 8 === 0 ? simd : undefined);
  });
});
