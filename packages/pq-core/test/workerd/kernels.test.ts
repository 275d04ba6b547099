import { describe, expect, inject, it } from "vitest";
import expectedRankings from "../../fixtures/rankings.json" with { type: "json" };
import { loadKernel, supportsRelaxedSimd } from "../../src/index.ts";
import { scalarKernel } from "../../src/kernel/scalar-kernel.ts";
import plain from "../../wasm/kernel.wasm";
import relaxed from "../../wasm/kernel-relaxed.wasm";
import { adcConformance } from "../conformance.ts";
import { GOLDEN, observe } from "../golden.ts";
import { openWhole } from "../open-whole.ts";
import { observeRankings } from "../rankings.ts";

const KERNELS = [
  { name: "scalar", module: undefined },
  { name: "simd", module: plain },
  { name: "relaxed-simd", module: relaxed },
] as const;

it("runs inside workerd", () => {
  expect(navigator.userAgent).toBe("Cloudflare-Workers");
  expect(supportsRelaxedSimd()).toBe(true);
});

describe.each(KERNELS)("the $name kernel in workerd", ({ name, module }) => {
  adcConformance({
    name,
    makeKernel: module === undefined ? scalarKernel : loadKernel(module),
    test: it,
  });

  it.each(GOLDEN.map((golden) => [golden.folder, golden] as const))("reads fixtures/%s", async (folder, { query }) => {
    const files = inject("goldenFiles")[folder]!;
    const read = (file: string): Uint8Array => Uint8Array.from(atob(files[file]!), (char) => char.charCodeAt(0));
    const source = { get: async (key: string) => read(key) };
    const index = await openWhole(source, read("manifest.json"), { kernelModule: module });
    expect(index.kernel).toBe(name);
    const expected: unknown = JSON.parse(new TextDecoder().decode(read("expected.json")));
    expect(JSON.parse(JSON.stringify(await observe(index, query)))).toEqual(expected);
  });

  it.each([false, true])("ids and score bits are those of fixtures/rankings.json, lists paged: %s", async (paged) => {
    expect(await observeRankings(module, paged)).toEqual(expectedRankings);
  });
});
