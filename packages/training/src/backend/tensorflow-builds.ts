import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What `poeem gpu setup` builds, and what it is built of. */
export const TENSORFLOW_VERSION = "2.19.1";
export const TFJS_VERSION = "4.22.0";

/** libtensorflow for the processor, or for NVIDIA cards by CUDA 12. */
export type BuildKind = "cpu" | "cuda";

/** Where things lie in the folder of a build. */
export const BUILD_PATHS = {
  /** Native half of tfjs-node, linked against `libraries`. */
  binding: "tfjs_binding.node",
  /** JavaScript half of tfjs-node. */
  tfjsNode: "node_modules/@tensorflow/tfjs-node",
  /** As in Python's site-packages: libtensorflow looks for CUDA in `../nvidia` beside itself. */
  site: "site",
  libraries: "site/tensorflow",
} as const;

/** A folder per user, as these builds are large and belong to no project; `POEEM_CACHE` names another. */
export function buildsFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env["POEEM_CACHE"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "poeem");
}

/** The folder of a build, there or not: it is renamed into place when complete, so there is no half one. */
export function buildFolder(kind: BuildKind, folder = buildsFolder()): string {
  const versions = `tensorflow-${TENSORFLOW_VERSION}-tfjs-${TFJS_VERSION}`;
  return join(folder, `${versions}-${kind}-${process.platform}-${process.arch}`);
}

/** The folder of a build that is there. */
export function findBuild(kind: BuildKind): string | undefined {
  const folder = buildFolder(kind);
  return existsSync(join(folder, BUILD_PATHS.binding)) ? folder : undefined;
}
