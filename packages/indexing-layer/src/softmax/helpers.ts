import { Worker } from "node:worker_threads";

/** What a helper does for as long as the process lives; it sleeps between the runs. */
const HELP = `
const { workerData: { module, memory, thread } } = require("node:worker_threads");
new WebAssembly.Instance(module, { env: { memory } }).exports.serve(thread);
`;
/** Nothing is allocated in JavaScript. */
const LIMITS = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 };

/**
 * Threads of Node that help a softmax kernel: each has an instance of its own over the same memory, and takes what
 * blocks are left. None keeps the process alive. A kernel goes on without those that do not start; a warning says so.
 * @returns how many there are
 */
export function startHelpers(module: WebAssembly.Module, memory: WebAssembly.Memory, count: number): number {
  const warn = (error: unknown): void =>
    process.emitWarning(`[indexing-layer] training goes on slower: ${(error as Error).message}`);
  for (let thread = 1; thread <= count; thread++) {
    const workerData = { module, memory, thread };
    try {
      const worker = new Worker(HELP, { eval: true, workerData, resourceLimits: LIMITS, execArgv: [], env: {} });
      worker.on("error", warn);
      worker.unref();
    } catch (error) {
      warn(error);
      return thread - 1;
    }
  }
  return count;
}
