// Apart from what starts them, so that the command line can name them without loading TensorFlow.js.

/**
 * Backends this trainer runs on, in the order in which `auto` tries them: GPUs, then wasm, then what costs more than
 * wasm does (`node` 1.3 to 1.8 times the processor time and three times the memory, `cpu` 30 times the time).
 */
export const BACKENDS = ["node-gpu", "webgpu", "wasm", "node", "cpu"] as const;
export type Backend = (typeof BACKENDS)[number];
export type BackendName = Backend | "auto";
