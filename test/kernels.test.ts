import { resolve } from "node:path";
import { it } from "vitest";
import { run } from "../scripts/pack/run.ts";
import { ROOT } from "./run.ts";

it("committed kernels are what their sources compile to", async () => {
  await run(process.execPath, [resolve(ROOT, "scripts/kernels.ts"), "--check"], ROOT);
});
