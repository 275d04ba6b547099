/** The manifest's member `queries`: what a writer takes, what a reader refuses, and that changes keep it. */
import { describe, expect, it } from "vitest";
import { FormatError, openManifest } from "../src/index.ts";
import { compactArtifact, createCodebook, writeArtifact, writeDelta } from "../src/write.ts";
import { chunkMap, readAll, reseal } from "./hostile.ts";

const shape = { dim: 1, metric: "innerProduct", nlist: 0, numSubQuantizers: 1, nbits: 4, byResidual: false } as const;
const codebook = createCodebook({ ...shape, centroids: Float32Array.from({ length: 16 }, (_, i) => i) });
const items = (n: number) => ({
  assignments: new Uint32Array(n),
  codes: new Uint8Array(n),
  ids: Array.from({ length: n }, (_, i) => `id${i}`),
});
const write = (queries: readonly string[] | undefined) =>
  writeArtifact({ codebook, ...items(3), popularQueries: queries });
const many = (count: number, length: number, letter = "x") =>
  Array.from({ length: count }, (_, i) => String(i).padStart(length, letter));

it.each<[string, readonly string[]]>([
  ["one", ["red boots"]],
  ["in order, in any writing", ["b", "a", "誕生日ケーキ", "🎂"]],
  ["as many and as long as there may be", many(50, 80)],
  ["as many bytes as there may be", [...many(17, 80, "é"), ...many(8, 80, "é").map((text) => text.replace("é", "y"))]],
])("%s: come back as they were written, in another version", async (_, queries) => {
  const { manifest, manifestBytes } = await write(queries);
  expect((await openManifest(manifestBytes)).queries).toEqual(queries);
  expect(manifest.version).not.toBe((await write(undefined)).version);
});

it("none are the bytes of an index without", async () => {
  expect((await write([])).manifestBytes).toEqual((await write(undefined)).manifestBytes);
});

it("a delta and its compaction keep them", async () => {
  const base = await write(["red boots", "hat"]);
  const index = await readAll(chunkMap(base), base.manifestBytes, true);
  const delta = await writeDelta(index, { remove: ["id1"] });
  expect(delta.manifest.queries).toEqual(["red boots", "hat"]);
  const changed = await readAll(new Map([...chunkMap(base), ...chunkMap(delta)]), delta.manifestBytes, true);
  const { manifest } = await compactArtifact(changed);
  expect(manifest).toMatchObject({ queries: ["red boots", "hat"], numItems: 2 });
});

describe("are refused", () => {
  const tooLong = many(18, 80, "é").concat(many(17, 80, "é").map((text) => text.replace("é", "y")));
  it.each<[string, unknown, RegExp]>([
    ["not a list", "red boots", /"(?:popularQ|q)ueries" expected a list of 1 to 50 texts, got "?red boots/],
    ["null", null, /"(?:popularQ|q)ueries" expected a list of 1 to 50 texts, got null/],
    ["an object", { length: 1, 0: "a" }, /"(?:popularQ|q)ueries" expected a list of 1 to 50 texts/],
    ["too many", many(51, 5), /"(?:popularQ|q)ueries" expected a list of 1 to 50 texts, got 51/],
    ["a number", ["a", 3], /"(?:popularQ|q)ueries\[1\]" expected a text of one line, of 1 to 80 characters, got 3/],
    ["a list in the list", [["a"]], /"(?:popularQ|q)ueries\[0\]" expected a text of one line/],
    ["a long one", ["a".repeat(81)], /"(?:popularQ|q)ueries\[0\]" expected a text of one line, of 1 to 80 characters/],
    ["an empty one", ["a", ""], /"(?:popularQ|q)ueries\[1\]" expected a text/],
    ["blanks around", [" a"], /"(?:popularQ|q)ueries\[0\]" expected a text/],
    ["two lines", ["a\nb"], /"(?:popularQ|q)ueries\[0\]" expected a text/],
    ["half a character", ["a\ud83c"], /"(?:popularQ|q)ueries\[0\]" expected a text/],
    ["one twice", ["a", "b", "a"], /"(?:popularQ|q)ueries\[2\]" expected no text twice/],
    ["too many bytes", tooLong, /"(?:popularQ|q)ueries" expected at most 4096 bytes of UTF-8, got \d+/],
  ])("%s", async (_, queries, message) => {
    await expect(write(queries as string[])).rejects.toThrow(message);
    const { manifestBytes } = await write(undefined);
    const opening = openManifest(reseal(manifestBytes, (manifest) => Object.assign(manifest, { queries })));
    await expect(opening).rejects.toThrow(FormatError);
    await expect(opening).rejects.toThrow(message);
  });

  it("an empty list, by a reader", async () => {
    const { manifestBytes } = await write(undefined);
    const opening = openManifest(reseal(manifestBytes, (manifest) => Object.assign(manifest, { queries: [] })));
    await expect(opening).rejects.toThrow(/"(?:popularQ|q)ueries" expected a list of 1 to 50 texts, got 0/);
  });
});
