import { fileURLToPath } from "node:url";
import { messageOf } from "@poeem/offline/errors";
import type { Backend } from "@poeem/training/backend/names";
import type { Origin } from "@poeem/training/backend/tensorflow";
import { type Ended, errorLine, run } from "./run.ts";

/** What came of a backend that computes. */
export interface Seen {
  readonly seconds: number;
  /** Which libtensorflow was loaded, where one was. */
  readonly origin?: Origin;
}

/** What came of a backend that was started for a look. */
export type Trial =
  | ({ readonly backend: Backend; readonly works: true } & Seen)
  | { readonly backend: Backend; readonly works: false; readonly reason: string; readonly remedy?: string };

/** Starts a backend in this process and checks what it computes. */
export async function tryHere(backend: Backend): Promise<Seen> {
  const started = performance.now();
  await (await import("@poeem/training/backend/check-backend")).checkBackend(backend);
  const seconds = (performance.now() - started) / 1000;
  const origin = (await import("@poeem/training/backend/tensorflow")).originOfTensorflow();
  return { seconds, ...(origin && { origin }) };
}

/**
 * Starts a backend in a process of its own: two of them share no process, and a library that does not fit the processor
 * takes its process down.
 */
export async function tryBackend(backend: Backend, env: NodeJS.ProcessEnv = {}): Promise<Trial> {
  const bin = fileURLToPath(new URL("../../bin/poeem.js", import.meta.url));
  const ended = await run(process.execPath, [bin, "gpu", "try", backend], { env: { ...process.env, ...env } });
  return readTrial(backend, ended);
}

/** What the end of `poeem gpu try` says. */
export function readTrial(backend: Backend, ended: Ended): Trial {
  if (ended.signal) return { backend, works: false, ...afterSignal(backend, ended.signal) };
  try {
    if (ended.code === 0) return { backend, works: true, ...(JSON.parse(ended.stdout) as Seen) };
  } catch (error) {
    return { backend, works: false, reason: messageOf(error) };
  }
  const refused = /cannot be started here; [\w-]+: (.*?)(?: \(([^()]*)\))?$/m.exec(ended.stderr);
  const [, reason = errorLine(ended), remedy] = refused ?? [];
  return { backend, works: false, reason, ...(remedy !== undefined && { remedy }) };
}

/** A library that is truncated ends its process by SIGBUS or SIGSEGV, as does many another fault. */
function afterSignal(backend: Backend, signal: NodeJS.Signals): { reason: string; remedy?: string } {
  const reason = `its process was ended by ${signal}`;
  if (signal === "SIGILL") return { reason, remedy: "this processor lacks instructions that the library wants" };
  if (signal === "SIGKILL") return { reason, remedy: "the memory may be too small" };
  const isTensorflow = backend === "node" || backend === "node-gpu";
  if (!isTensorflow) return { reason };
  const setup = backend === "node" ? "poeem gpu setup --cpu" : "poeem gpu setup";
  return { reason, remedy: `its library may be damaged: poeem gpu remove, and ${setup} once more` };
}

/** As in "node: computes, by the build in …, started in 1.2 s" */
export function describeTrial(trial: Trial): string {
  if (!trial.works) return `${trial.backend}: ${trial.reason}${trial.remedy === undefined ? "" : ` (${trial.remedy})`}`;
  const { origin } = trial;
  const by =
    origin === undefined
      ? ""
      : "build" in origin
        ? `, by the build in ${origin.build}`
        : `, by ${origin.package} of the project`;
  return `${trial.backend}: computes${by}, started in ${trial.seconds.toFixed(1)} s`;
}
