import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";
import { compileKernel, KERNELS } from "../scripts/kernels.ts";
import { ROOT } from "./run.ts";

it.each(Object.keys(KERNELS))("%s is what its source compiles to", async (file) => {
  const committed = readFileSync(resolve(ROOT, file));
  const compiled = await compileKernel(file);
  expect(committed.equals(compiled), `${file} differs from its source: npm run kernels`).toBe(true);
});
