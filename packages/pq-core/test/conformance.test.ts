import { describe, expect, it } from "vitest";
import { loadKernel, supportsRelaxedSimd } from "../src/index.ts";
import { scalarKernel } from "../src/kernel/scalar-kernel.ts";
import { adcConformance } from "./conformance.ts";
import { kernelModule } from "./support.ts";

describe("the scalar kernel", () => {
  adcConformance({ name: "scalar", makeKernel: scalarKernel, test: it });
});
describe("the SIMD kernel", () => {
  adcConformance({ name: "simd", makeKernel: loadKernel(kernelModule("kernel.wasm")), test: it });
});
describe("the relaxed SIMD kernel", () => {
  adcConformance({ name: "relaxed-simd", makeKernel: loadKernel(kernelModule("kernel-relaxed.wasm")), test: it });
});

it("says that Node 22 compiles the relaxed build, as it just did", () => {
  expect(supportsRelaxedSimd()).toBe(true);
});
