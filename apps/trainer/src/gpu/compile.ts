import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { BUILD_PATHS } from "@poeem/training/backend/tensorflow-builds";
import { errorLine, run } from "./run.ts";

/** Headers that the native half of tfjs-node includes, and headers that those include. */
export const HEADERS = ["tensorflow/c/", "tensorflow/core/platform/", "tsl/platform/", "xla/tsl/c/"].map(
  (folder) => `tensorflow/include/${folder}`,
);
export const LIBRARIES = ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"];

/**
 * Compiles the native half of tfjs-node and links it to libtensorflow, which it looks for beside itself.
 * @param build folder with both, and with node-api-headers
 */
export async function compileBinding(compiler: string, build: string): Promise<void> {
  const source = join(build, BUILD_PATHS.tfjsNode, "binding");
  const libraries = join(build, BUILD_PATHS.libraries);
  const includes = [source, join(build, "node_modules/node-api-headers/include"), join(libraries, "include")];
  const sources = (await readdir(source)).filter((name) => name.endsWith(".cc")).map((name) => join(source, name));
  const args = [
    ...["-std=c++17", "-O2", "-w", "-shared", "-fPIC", "-DNAPI_VERSION=8"],
    ...includes.map((folder) => `-I${folder}`),
    ...sources,
    `-L${libraries}`,
    ...LIBRARIES.map((name) => `-l:${name}`),
    `-Wl,-rpath,$ORIGIN/${BUILD_PATHS.libraries}`,
    ...["-o", join(build, BUILD_PATHS.binding)],
  ];
  const ended = await run(compiler, args);
  if (ended.code === 0) return;
  throw new UserError(`${compiler} cannot link tfjs-node to libtensorflow: ${errorLine(ended)}; CXX names another one`);
}
