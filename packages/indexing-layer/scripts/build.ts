/** Compiles the kernel of the softmax twice, with plain and with relaxed SIMD, into dist/. */
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

mkdirSync(join(root, "dist"), { recursive: true });
for (const [file, features] of [
  ["softmax.wasm", ["simd"]],
  ["softmax-relaxed.wasm", ["simd", "relaxed-simd"]],
] as const) {
  const out = join(root, "dist", file);
  const args = ["src/softmax/kernels/softmax.as.ts", "--baseDir", root, "-o", out, "-O3", "--converge", "--noAssert"];
  const { error, stderr } = await asc.main([
    ...args,
    "--runtime",
    "stub",
    ...features.flatMap((feature) => ["--enable", feature]),
  ]);
  if (error !== null) throw new Error(`${stderr.toString()}\n${error.message}`);
  console.log(`${file}: ${statSync(out).size} bytes`);
}
