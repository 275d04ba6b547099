import { fileURLToPath } from "node:url";
import { messageOf } from "@poeem/offline/errors";
import type { Backend } from "@poeem/training/backend/names";
import { errorLine, run } from "./run.ts";

/** What came of a backend that was started for a look. */
export type Trial =
  | { readonly backend: Backend; readonly works: true; readonly seconds: number }
  | { readonly backend: Backend; readonly works: false; readonly reason: string };

/** Starts a backend in this process and checks what it computes. */
export async function tryHere(backend: Backend): Promise<{ readonly seconds: number }> {
  const started = performance.now();
  await (await import("@poeem/training/backend/check-backend")).checkBackend(backend);
  return { seconds: (performance.now() - started) / 1000 };
}

/**
 * Starts a backend in a process of its own: two of them share no process, and a library that does not fit the processor
 * takes its process down.
 */
export async function tryBackend(backend: Backend, env: NodeJS.ProcessEnv = {}): Promise<Trial> {
  const bin = fileURLToPath(new URL("../../bin/poeem.js", import.meta.url));
  const ended = await run(process.execPath, [bin, "gpu", "try", backend], { env: { ...process.env, ...env } });
  try {
    if (ended.code === 0) return { backend, works: true, ...(JSON.parse(ended.stdout) as { seconds: number }) };
  } catch (error) {
    return { backend, works: false, reason: messageOf(error) };
  }
  const refused = /cannot be started here; [\w-]+: (.*)/.exec(ended.stderr)?.[1];
  return { backend, works: false, reason: refused ?? errorLine(ended) };
}
