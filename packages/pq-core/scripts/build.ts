/** Compiles the search kernel twice, with plain and with relaxed SIMD, and the encoder, into dist/. */
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
/** A kernel beyond this would be a burden to a Worker's script. */
const MAX_WASM_BYTES = 16 * 1024;

mkdirSync(join(root, "dist"), { recursive: true });
for (const [file, source, features] of [
  ["kernel.wasm", "kernel.as.ts", ["simd"]],
  ["kernel-relaxed.wasm", "kernel.as.ts", ["simd", "relaxed-simd"]],
  ["encode.wasm", "encode.as.ts", ["simd"]],
] as const) {
  const out = join(root, "dist", file);
  const args = [
    `src/kernel/assembly/${source}`,
    "--baseDir",
    root,
    "-o",
    out,
    "-O3",
    "--converge",
    "--noAssert",
    "--runtime",
    "stub",
  ];
  const { error, stderr } = await asc.main([...args, ...features.flatMap((feature) => ["--enable", feature])]);
  if (error !== null) throw new Error(`${stderr.toString()}\n${error.message}`);
  const bytes = statSync(out).size;
  if (bytes > MAX_WASM_BYTES) throw new Error(`${file} expected at most ${MAX_WASM_BYTES} bytes, got ${bytes}`);
  console.log(`${file}: ${bytes} bytes`);
}
