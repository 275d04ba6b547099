/**
 * `npm run kernels`: compiles the WebAssembly kernels from their AssemblyScript. The files are committed, so that a
 * clone and a tarball have them without a compiler; `-- --check`, which a test runs, only compares them.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import asc from "assemblyscript/asc";

const ROOT = resolve(import.meta.dirname, "..");
/** A kernel beyond this would be a burden to a Worker's script; those of the training are in none. */
const MAX_WASM_BYTES = 16 * 1024;
const IN_WORKERS = "packages/pq-core/";

interface Kernel {
  /** Under the package's folder. */
  readonly source: string;
  readonly features: readonly string[];
}

const SEARCH = "packages/pq-core/src/kernel/assembly/kernel.as.ts";
const ENCODE = "packages/pq-core/src/kernel/assembly/encode.as.ts";
const SOFTMAX = "packages/indexing-layer/src/softmax/kernels/softmax.as.ts";
const CODES = "packages/indexing-layer/src/codes/kernels/codes.as.ts";
const IMPROVE = "packages/indexing-layer/src/codes/kernels/improve.as.ts";
const RELAXED = ["simd", "relaxed-simd"];
/** Of a kernel whose memory several threads share. */
const THREADS = "threads";

/** File of a kernel, from the repository's root → what it is compiled from. */
const KERNELS: Readonly<Record<string, Kernel>> = {
  "packages/pq-core/wasm/kernel.wasm": { source: SEARCH, features: ["simd"] },
  "packages/pq-core/wasm/kernel-relaxed.wasm": { source: SEARCH, features: RELAXED },
  "packages/pq-core/wasm/encode.wasm": { source: ENCODE, features: ["simd"] },
  "packages/indexing-layer/wasm/codes.wasm": { source: CODES, features: ["simd"] },
  "packages/indexing-layer/wasm/improve.wasm": { source: IMPROVE, features: ["simd"] },
  "packages/indexing-layer/wasm/softmax.wasm": { source: SOFTMAX, features: ["simd", THREADS] },
  "packages/indexing-layer/wasm/softmax-relaxed.wasm": { source: SOFTMAX, features: [...RELAXED, THREADS] },
};

/** @throws Error when the compiler refuses the source, or the kernel is too large */
async function compileKernel({ source, features }: Kernel): Promise<Buffer> {
  let bytes: Buffer | undefined;
  const base = ["--baseDir", ROOT, "-o", "kernel.wasm", "-O3", "--converge", "--noAssert", "--runtime", "stub"];
  const enabled = features.flatMap((feature) => ["--enable", feature]);
  const shared = features.includes(THREADS) ? ["--importMemory", "--sharedMemory", "--maximumMemory", "65536"] : [];
  const { error, stderr } = await asc.main([source, ...base, ...enabled, ...shared], {
    writeFile: (_name, contents) => {
      bytes = Buffer.from(contents);
    },
  });
  if (error !== null || bytes === undefined) throw new Error(`${stderr.toString()}\n${error?.message ?? "no output"}`);
  if (source.startsWith(IN_WORKERS) && bytes.length > MAX_WASM_BYTES)
    throw new Error(`the kernel of ${source} expected at most ${MAX_WASM_BYTES} bytes, got ${bytes.length}`);
  return bytes;
}

const isCheck = process.argv.includes("--check");
for (const [file, kernel] of Object.entries(KERNELS)) {
  const path = join(ROOT, file);
  const bytes = await compileKernel(kernel);
  if (!isCheck) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    console.log(`${file}: ${bytes.length} bytes`);
  } else if (!existsSync(path) || !readFileSync(path).equals(bytes)) {
    process.stderr.write(`${file} is not what ${kernel.source} compiles to: npm run kernels\n`);
    process.exitCode = 1;
  }
}
