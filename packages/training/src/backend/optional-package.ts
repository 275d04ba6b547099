import { messageOf } from "@poeem/offline/errors";
import { withOwnTfjs } from "./own-tfjs.ts";
import { firstSentence, Refusal } from "./refusal.ts";

/** What to install for a backend that `npm ci` does not bring; versions are those of our peerDependencies. */
export const INSTALLED_BY = {
  "node-gpu": ["@tensorflow/tfjs-node-gpu@4.22.0"],
  node: ["@tensorflow/tfjs-node@4.22.0"],
  webgpu: ["webgpu@0.6.2", "@tensorflow/tfjs-backend-webgpu@4.22.0"],
} as const satisfies Record<string, readonly string[]>;

/** The command for that. */
export const installCommand = (backend: keyof typeof INSTALLED_BY): string =>
  `npm install --no-save ${INSTALLED_BY[backend].join(" ")}`;

/**
 * Imports a package that may be missing, by a name that is only known at run time, so that neither compiler nor bundler
 * wants it. What it imports of TensorFlow.js is the copy that we use.
 * @param remedy what to do where it is missing or broken
 * @throws Refusal where it is
 */
export async function loadOptional(name: string, remedy: string): Promise<Record<string, unknown>> {
  try {
    return await withOwnTfjs(() => import(name) as Promise<Record<string, unknown>>);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const isMissing = code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
    throw new Refusal(isMissing ? "not installed" : `${name} does not start: ${reasonOf(error)}`, remedy);
  }
}

/** tfjs-node says in three lines which file of its own is missing. */
function reasonOf(error: unknown): string {
  return messageOf(error).includes("native addon module")
    ? "its install script, which fetches libtensorflow, did not run"
    : firstSentence(error);
}
