import { existsSync, statSync } from "node:fs";
import { expect, it } from "vitest";
import { BUNDLES, measureBundles } from "../scripts/size.ts";

it("bundles without the kernel stay within their limits, minified", async () => {
  const bundles = await measureBundles();
  expect(bundles.length).toBe(BUNDLES.length);
  for (const { name, bytes, limit } of bundles) expect(bytes, name).toBeLessThanOrEqual(limit);
});

it.each(["kernel.wasm", "kernel-relaxed.wasm"])("%s is at most 16 KB", (file) => {
  const path = new URL(`../wasm/${file}`, import.meta.url);
  expect(existsSync(path)).toBe(true);
  expect(statSync(path).size).toBeLessThanOrEqual(16 * 1024);
});
