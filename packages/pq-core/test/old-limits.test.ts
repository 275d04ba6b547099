import { expect, it } from "vitest";
import { writeRows } from "../src/format/artifact-writer.ts";
import { type Artifact, InputError } from "../src/index.ts";
import { compactArtifact, createCodebook, encode, writeArtifact, writeDelta } from "../src/write.ts";
import { openWhole } from "./open-whole.ts";
import { memorySource } from "./support.ts";

it("items beyond the limits of today stay in an index that has them, and no new one comes in", async () => {
  const codebook = createCodebook({
    dim: 4,
    metric: "innerProduct",
    nlist: 0,
    numSubQuantizers: 2,
    nbits: 4,
    byResidual: false,
    centroids: Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i + 1)),
  });
  const vectors = Float32Array.from({ length: 8 }, (_, i) => Math.cos(i));
  const long = "x".repeat(600);
  const rows = (id: string, value: string, name = "tag\told") => ({
    ...encode(codebook, vectors.subarray(0, 4)),
    ids: [id],
    facets: { [name]: [value] },
    numbers: {},
  });
  const open = ({ chunks, manifestBytes }: Artifact, more = chunks) => openWhole(memorySource(more), manifestBytes);
  const base = await writeRows({ codebook, ...rows(long, long) });
  const old = await open(base);
  const compacted = await open(await compactArtifact(old));
  expect((await compacted.items([0]))[0]!.id).toBe(long);
  expect(await compacted.facets()).toEqual({ "tag\told": { [long]: 1 } });
  // a name is not new, where the index has it
  const delta = await writeDelta(old, { items: rows("new", "b") });
  const changed = await open(await compactArtifact(await open(delta, [...base.chunks, ...delta.chunks])));
  expect(await changed.facets()).toEqual({ "tag\told": { [long]: 1, b: 1 } });
  for (const [id, value] of [
    [long.replace("x", "y"), "b"],
    ["a", long],
  ] as const)
    await expect(writeDelta(old, { items: rows(id, value) })).rejects.toBeInstanceOf(InputError);
  for (const [id, value, name] of [
    [long, "b", "tag"],
    ["a", long, "tag"],
    ["a", "b", "tag\told"],
  ] as const)
    await expect(writeArtifact({ codebook, ...rows(id, value, name) })).rejects.toBeInstanceOf(InputError);
});
