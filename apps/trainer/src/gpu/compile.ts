import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { BUILD_PATHS, LIBRARIES } from "@poeem/training/backend/tensorflow-builds";
import { errorLine, run } from "./run.ts";

/** Headers that the native half of tfjs-node includes, and headers that those include. */
export const HEADERS = ["tensorflow/c/", "tensorflow/core/platform/", "tsl/platform/", "xla/tsl/c/"].map(
  (folder) => `tensorflow/include/${folder}`,
);

/**
 * Compiles the native half of tfjs-node and links it to libtensorflow, which it looks for beside itself.
 * @param compiler a command and its first arguments, as in "ccache g++"
 * @param build folder with both, and with node-api-headers
 */
export async function compileBinding(compiler: readonly string[], build: string): Promise<void> {
  const source = join(build, BUILD_PATHS.tfjsNode, "binding");
  const libraries = join(build, BUILD_PATHS.libraries);
  const includes = [source, join(build, "node_modules/node-api-headers/include"), join(libraries, "include")];
  const sources = (await readdir(source)).filter((name) => name.endsWith(".cc")).map((name) => join(source, name));
  const [command = "", ...first] = compiler;
  const args = [
    ...first,
    ...["-std=c++17", "-O2", "-w", "-shared", "-fPIC", "-DNAPI_VERSION=8"],
    ...includes.map((folder) => `-I${folder}`),
    ...sources,
    `-L${libraries}`,
    ...LIBRARIES.map((name) => `-l:${name}`),
    `-Wl,-rpath,$ORIGIN/${BUILD_PATHS.libraries}`,
    ...["-o", join(build, BUILD_PATHS.binding)],
  ];
  const ended = await run(command, args);
  if (ended.code === 0) return;
  const reason = errorLine(ended);
  throw new UserError(
    `${compiler.join(" ")} cannot link tfjs-node to libtensorflow: ${reason}; CXX names another compiler`,
  );
}
