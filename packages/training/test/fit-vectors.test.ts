import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { fitVectors } from "../src/vectors/fit-vectors.ts";

/** Cells, those visited, and vectors learned from. */
function fitted(count: number, index: PoeemConfigInput["index"] = {}, length = 128): number[] {
  const config = resolveConfig({ name: "t", data: { items: "-" }, items: { embeddings: ["v"] }, index }, "test");
  const { nlist, nprobe, bufferSize } = fitVectors(config, count, length).index;
  return [nlist, nprobe, bufferSize];
}

describe("settings of vectors alone", () => {
  it("follow from their number and their length", () => {
    expect(fitted(1_000_000)).toEqual([1024, 128, 65_536]);
    expect(fitted(1_000_000, {}, 768)).toEqual([1024, 128, 43_690]);
    // 8,192 vectors are read at least, and all of few
    expect(fitted(50_000)).toEqual([256, 42, 50_000]);
    expect(fitted(5000)).toEqual([128, 128, 5000]);
    expect(fitted(3)).toEqual([1, 1, 3]);
  });

  it("stay as they were set by hand, and more cells than vectors are refused", () => {
    expect(fitted(100_000, { nlist: 300, nprobe: 7, bufferSize: 5000 })).toEqual([300, 7, 5000]);
    expect(() => fitted(100, { nlist: 101 })).toThrow(
      "index.nlist: expected at most the number of items (100), got 101",
    );
  });
});
