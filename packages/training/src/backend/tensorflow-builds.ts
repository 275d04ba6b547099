import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

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

export const LIBRARIES = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

/** What no build computes without. */
const PARTS = [
  BUILD_PATHS.binding,
  `${BUILD_PATHS.tfjsNode}/dist/nodejs_kernel_backend.js`,
  `${BUILD_PATHS.tfjsNode}/dist/register_all_kernels.js`,
  "node_modules/google-protobuf/google-protobuf.js",
  ...LIBRARIES.map((name) => `${BUILD_PATHS.libraries}/${name}`),
];
/** What those for a card look for besides. */
const CUDA_PARTS = ["cublas", "cuda_runtime", "cudnn"].map((name) => `${BUILD_PATHS.site}/nvidia/${name}/lib`);

/** A folder per user, as these builds are large and belong to no project; `POEEM_CACHE` names another. */
export function buildsFolder(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(env["POEEM_CACHE"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "poeem"));
}

/** The folder of a build, there or not: it is renamed into place when complete. */
export function buildFolder(kind: BuildKind, folder = buildsFolder()): string {
  const versions = `tensorflow-${TENSORFLOW_VERSION}-tfjs-${TFJS_VERSION}`;
  return join(folder, `${versions}-${kind}-${process.platform}-${process.arch}`);
}

/** Whether a folder has the name of a build for this machine, of this version or another. */
export function isBuildName(name: string): boolean {
  const [, platform, arch] = /^tensorflow-[\d.]+-tfjs-[\d.]+-(?:cpu|cuda)-(\w+)-(\w+)$/.exec(name) ?? [];
  return platform === process.platform && arch === process.arch;
}

/** The first part that somebody deleted from the folder of a build, or undefined where it is complete. */
export function missingPart(kind: BuildKind, folder: string): string | undefined {
  const parts = kind === "cuda" ? [...PARTS, ...CUDA_PARTS] : PARTS;
  return parts.find((path) => !existsSync(join(folder, path)));
}

/** The folder of a build that is there, complete or not: whoever made one wants to know that it is broken. */
export function findBuild(kind: BuildKind): string | undefined {
  const folder = buildFolder(kind);
  return existsSync(folder) ? folder : undefined;
}
