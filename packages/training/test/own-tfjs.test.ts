import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import util from "node:util";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { checkBackend } from "../src/backend/check-backend.ts";
import { restoreNodeUtil } from "../src/backend/node-util.ts";
import { withOwnTfjs } from "../src/backend/own-tfjs.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-tfjs-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("gives a package the copy of TensorFlow.js that we use, whatever npm put beside it", async () => {
  const copy = join(folder, "node_modules/@tensorflow/tfjs");
  await mkdir(copy, { recursive: true });
  await writeFile(join(copy, "index.js"), "exports.isCopy = true;");
  const names = ["needs", "needs-later"].map((name) => join(folder, `${name}.cjs`));
  for (const name of names) await writeFile(name, 'exports.tf = require("@tensorflow/tfjs");');
  const require = createRequire(names[0]!);
  const load = (name: string) => (require(name) as { tf: { isCopy?: boolean; engine(): unknown } }).tf;

  const ours = await withOwnTfjs(() => load(names[0]!));
  expect(ours.isCopy).toBeUndefined();
  expect(ours.engine()).toBe(tf.engine());
  // and only while that is loaded
  expect(load(names[1]!).isCopy).toBe(true);
});

it("puts back what Node 23 removed, without a warning", () => {
  const warned = vi.spyOn(process, "emitWarning");
  restoreNodeUtil();
  const restored = util as unknown as Record<"isNullOrUndefined" | "isArray", (value: unknown) => boolean>;
  expect([null, undefined, 0, "", []].map(restored.isNullOrUndefined)).toEqual([true, true, false, false, false]);
  expect([[], {}].map(restored.isArray)).toEqual([true, false]);
  expect(warned).not.toHaveBeenCalled();
});

it("does not recommend another backend to who asked for cpu", async () => {
  const warned = vi.spyOn(console, "warn");
  await useBackend("cpu");
  await tf.tensor1d([1, 2]).data();
  expect(warned).not.toHaveBeenCalled();
});

it("checks what a backend computes", async () => {
  await checkBackend("wasm");
  const original = tf.getKernel("BatchMatMul", "cpu")!;
  const negate = tf.getKernel("Neg", "cpu")!.kernelFunc;
  tf.unregisterKernel("BatchMatMul", "cpu");
  tf.registerKernel({
    ...original,
    kernelFunc: (args) => negate({ ...args, inputs: { x: original.kernelFunc(args) as tf.TensorInfo } }),
  });
  try {
    await expect(checkBackend("cpu")).rejects.toThrow(/^a product is wrong: expected /);
  } finally {
    tf.unregisterKernel("BatchMatMul", "cpu");
    tf.registerKernel(original);
  }
});
