import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { UserError } from "./errors.ts";

/** Backends this trainer runs on; `auto` takes the first that works. */
export const BACKENDS = ["wasm", "cpu"] as const;
export type BackendName = (typeof BACKENDS)[number] | "auto";

/** Makes a TensorFlow.js backend current and returns its name. */
export async function useBackend(name: BackendName): Promise<string> {
  const candidates = name === "auto" ? BACKENDS : [name];
  for (const candidate of candidates) {
    if (await tf.setBackend(candidate)) {
      await tf.ready();
      return candidate;
    }
  }
  throw new UserError(`--backend ${name}: no such backend could be started here`);
}
