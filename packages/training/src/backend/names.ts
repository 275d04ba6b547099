// Apart from what starts them, so that the command line can name them without loading TensorFlow.js.

/** Backends this trainer runs on, in the order in which `auto` tries them. */
export const BACKENDS = ["node-gpu", "node", "webgpu", "wasm", "cpu"] as const;
export type Backend = (typeof BACKENDS)[number];
export type BackendName = Backend | "auto";
