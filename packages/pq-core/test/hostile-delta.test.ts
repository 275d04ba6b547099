import { describe, expect, it } from "vitest";
import { FormatError } from "../src/index.ts";
import { chunkMap, readAll, replaceChunk, reseal, smallDelta } from "./hostile.ts";
import { kernelModule, random } from "./support.ts";

const artifact = await smallDelta();
const { chunks: entries } = artifact.manifest;
const deltaAt = entries.findIndex(({ kind }) => kind === "delta");
const own = (kind: string): number => entries.findIndex((entry) => entry.kind === kind && entry.delta === true);

it("the small delta itself is read, and its entries are in the order of its chunks", async () => {
  const index = await readAll(chunkMap(artifact), artifact.manifestBytes, true);
  expect(index.manifest.delta).toEqual({ baseItems: 40, removed: 3, numItems: 3 });
  expect(entries.map(({ key }) => key)).toEqual(artifact.chunks.map(({ key }) => key));
});

it("a reader of format 1.0 refuses it, since it knows no chunk of kind delta", () => {
  const kinds = ["codebook", "lists", "items", "lookup", "filters", "query-tower"];
  expect(entries.filter(({ kind }) => !kinds.includes(kind)).map(({ kind }) => kind)).toEqual(["delta"]);
});

describe("one altered member of the manifest, the checksum made right", () => {
  type Members = { delta: Record<string, unknown>; chunks: Record<string, unknown>[]; numItems: number };
  it.each<[string, (manifest: Members) => unknown, RegExp]>([
    ["delta", (m) => ((m as { delta: unknown }).delta = 3), /"delta" expected an object, got 3/],
    ["baseItems", (m) => (m.delta["baseItems"] = -1), /"delta.baseItems" expected an integer from 0 to \d+, got -1/],
    ["removed", (m) => (m.delta["removed"] = 41), /"delta.removed" expected an integer from 0 to 40, got 41/],
    ["numItems of the delta", (m) => (m.delta["numItems"] = 4), /"numItems" expected 41, got 40/],
    [
      "fewer removed items than there are",
      (m) => {
        m.delta["removed"] = 2;
        m.numItems = 41;
      },
      /delta: expected \d+ payload bytes, got \d+/,
    ],
    ["no delta member", (m) => Reflect.deleteProperty(m, "delta"), /chunks\[\d+\].key" expected lists-0001-/],
    ["no delta chunk", (m) => m.chunks.splice(deltaAt, 1), /"delta chunks" expected \d+ payload bytes, got 0/],
    ["no lists beside the base", (m) => m.chunks.splice(own("lists"), 1), /"lists chunks" expected to cover 1, got 0/],
    [
      "a base chunk said to be of the delta",
      (m) => (m.chunks[0]!["delta"] = true),
      /"codebook chunks" expected \d+ payload bytes, got/,
    ],
    ["another first", (m) => (m.chunks[own("items")]!["first"] = 1), /items-0000-.*first" expected 0, got 1/],
  ])("%s", async (_, change, message) => {
    const edited = reseal(artifact.manifestBytes, (manifest) => void change(manifest as unknown as Members));
    const reading = readAll(chunkMap(artifact), edited, true);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });
});

describe("altered payloads, the hash made right", () => {
  // Payload: list offsets (12 → 16), term range (8 → 16), 3 positions (12 → 16), 3 removed ordinals.
  it.each<[string, number, number, RegExp]>([
    ["list offsets beyond the items", 4, 9, /"list offsets\[1\]" expected from 0 to 3, got 9/],
    ["a term range that is no number", 16, 0x7fc0_0000, /"term range" expected 0 ≤ min ≤ max, got NaN/],
    ["a position outside its list", 32, 41, /"positions\[0\]" expected from 0 to \d+, got 41/],
    ["removed ordinals beyond the base", 56, 40, /"removed\[2\]" expected ascending and below 40, got 40/],
    ["removed ordinals that repeat", 52, 0, /"removed\[1\]" expected ascending and below 40, got 0/],
  ])("%s", async (_, at, value, message) => {
    const bytes = artifact.chunks[deltaAt]!.bytes.slice();
    new DataView(bytes.buffer).setUint32(32 + at, value, true);
    const { chunks, manifestBytes } = replaceChunk(artifact, deltaAt, bytes);
    const reading = readAll(chunks, manifestBytes, true);
    await expect(reading).rejects.toThrow(FormatError);
    await expect(reading).rejects.toThrow(message);
  });

  it("filters of other names than the base's", async () => {
    const at = own("filters");
    const bytes = artifact.chunks[at]!.bytes.slice();
    const start = new TextDecoder("latin1").decode(bytes).indexOf("parity");
    bytes.set(new TextEncoder().encode("purity"), start);
    const { chunks, manifestBytes } = replaceChunk(artifact, at, bytes);
    await expect(readAll(chunks, manifestBytes, true)).rejects.toThrow(
      /delta filters: "facets" expected parity, rare, got purity, rare/,
    );
  });
});

it("rejects every flipped byte and every truncation of the delta chunk and of the lists beside the base", async () => {
  for (const { key, bytes } of artifact.chunks.slice(deltaAt, deltaAt + 2)) {
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

it("2,000 altered words of the chunks beside the base: an answer or a FormatError, nothing else", async () => {
  const next = random(2028);
  const int = (n: number): number => Math.floor(next() * n);
  const simd = kernelModule("kernel.wasm");
  const outcomes = { read: 0, refused: 0 };
  for (let run = 0; run < 2000; run++) {
    const { key, bytes } = artifact.chunks[deltaAt + int(artifact.chunks.length - deltaAt)]!;
    const altered = bytes.slice();
    const extremes = [0, 1, 2, 39, 40, 0x7fc0_0000, 0x8000_0000, 0xffff_ffff];
    const at = 32 + 4 * int((bytes.length - 32) / 4);
    new DataView(altered.buffer).setUint32(at, extremes[int(extremes.length)]!, true);
    // Without the hashes, so that the alteration reaches the checks behind them.
    await readAll(chunkMap(artifact).set(key, altered), artifact.manifestBytes, false, run % 8 === 0 ? simd : undefined)
      .then(() => outcomes.read++)
      .catch((error: unknown) => {
        if (!(error instanceof FormatError)) throw new Error(`run ${run}: ${error}`, { cause: error });
        outcomes.refused++;
      });
  }
  expect(outcomes.read).toBeGreaterThan(100);
  expect(outcomes.refused).toBeGreaterThan(100);
});
