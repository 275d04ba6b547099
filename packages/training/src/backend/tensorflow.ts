import { createRequire } from "node:module";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { restoreNodeUtil } from "./node-util.ts";
import { hasNvidiaDriver } from "./nvidia.ts";
import { installCommand, loadOptional } from "./optional-package.ts";
import { withOwnTfjs } from "./own-tfjs.ts";
import { firstSentence, Refusal } from "./refusal.ts";
import { BUILD_PATHS, type BuildKind, findBuild, missingPart } from "./tensorflow-builds.ts";

/** What TensorFlow.js calls the backend of both libtensorflow for the processor and for GPUs. */
export const TENSORFLOW = "tensorflow";

/** What libtensorflow reads as it is loaded; what the user set stays. */
const ENVIRONMENT = {
  // warnings and errors; at 0 it greets with four lines about the processor
  TF_CPP_MIN_LOG_LEVEL: "1",
  // products of all 24 bits: of 11, which GPUs from Ampere on take by default, other codes would come
  NVIDIA_TF32_OVERRIDE: "0",
};

/**
 * A GPU repeats its bytes with the first. It would scatter on the processor then, and copy whole tables to it and back,
 * unless the second says that nothing is scattered to one place twice; libtensorflow 2.9.1 does not know that one.
 */
const OF_OUR_BUILD = { TF_DETERMINISTIC_OPS: "1", TF_DISABLE_SCATTER_OP_DETERMINISM: "1" };

interface Source {
  /** As a person knows it. */
  readonly name: string;
  readonly isBuild: boolean;
  readonly environment: Readonly<Record<string, string>>;
  load(): Promise<void>;
}

/**
 * Starts libtensorflow on an NVIDIA GPU: the build of `poeem gpu setup`, or else the package @tensorflow/tfjs-node-gpu.
 * @throws Refusal where there is no such GPU, or none that this libtensorflow can use
 */
export async function startNodeGpu(): Promise<void> {
  if (hasNvidiaDriver() === false)
    throw new Refusal("no NVIDIA driver on this machine", "for a card with one: poeem gpu setup");
  const build = findBuild("cuda");
  const setup = `poeem gpu setup, or ${installCommand("node-gpu")}`;
  await load(build === undefined ? stock("@tensorflow/tfjs-node-gpu", setup) : own("cuda", build));
  if (isOnGpu()) return;
  // without CUDA the same library computes on the processor, and then it is not what was asked for
  throw build === undefined
    ? new Refusal("no CUDA device found", "this package wants CUDA 11.2 and cuDNN 8.1; poeem gpu setup brings CUDA 12")
    : new Refusal("no CUDA device found", "poeem gpu check says which cards work");
}

/**
 * Starts libtensorflow on the processor: a build of `poeem gpu setup`, or else the package @tensorflow/tfjs-node.
 * @throws Refusal where there is none
 */
export async function startNode(): Promise<void> {
  const cpu = findBuild("cpu");
  const cuda = cpu === undefined ? findBuild("cuda") : undefined;
  // that one takes the processor where it sees no card
  if (cuda !== undefined && loaded === undefined) process.env["CUDA_VISIBLE_DEVICES"] = "-1";
  const build = cpu ?? cuda;
  const kind = cpu === undefined ? "cuda" : "cpu";
  const setup = `poeem gpu setup --cpu, or ${installCommand("node")}`;
  // two libtensorflow in a process would share symbols: one that node-gpu loaded in vain computes on the processor too
  if (loaded === undefined) await load(build === undefined ? stock("@tensorflow/tfjs-node", setup) : own(kind, build));
  if (isOnGpu()) throw new Refusal("libtensorflow computes on the GPU in this process", "start another process");
}

/** Where a libtensorflow came from: the folder of a build of `poeem gpu setup`, or a package of the project. */
export type Origin = { readonly build: string } | { readonly package: string };

/** That of this process; undefined where none was loaded. */
export function originOfTensorflow(): Origin | undefined {
  if (loaded === undefined) return undefined;
  return loaded.isBuild ? { build: loaded.name } : { package: loaded.name };
}

let loaded: Source | undefined;

async function load(source: Source): Promise<void> {
  if (loaded !== undefined) {
    if (loaded.name !== source.name)
      throw new Refusal(`this process has ${loaded.name} already`, "start another process");
    return;
  }
  for (const [name, value] of Object.entries(source.environment)) process.env[name] ??= value;
  restoreNodeUtil();
  try {
    await source.load();
    loaded = source;
  } catch (error) {
    forget();
    throw error;
  }
}

/** The package from the npm registry, which brings libtensorflow 2.9.1 when it is installed. */
function stock(name: string, remedy: string): Source {
  const load = async (): Promise<void> => void (await loadOptional(name, remedy));
  return { name, isBuild: false, environment: ENVIRONMENT, load };
}

function own(kind: BuildKind, folder: string): Source {
  return {
    name: folder,
    isBuild: true,
    environment: { ...ENVIRONMENT, ...OF_OUR_BUILD },
    async load() {
      const setup = kind === "cpu" ? "poeem gpu setup --cpu" : "poeem gpu setup --cuda";
      const missing = missingPart(kind, folder);
      if (missing !== undefined)
        throw new Refusal(`the build of poeem gpu setup is incomplete: it has no ${missing}`, `${setup} replaces it`);
      try {
        await withOwnTfjs(() => requireBuild(folder));
      } catch (error) {
        const reason = `the build of poeem gpu setup does not load: ${firstSentence(error)}`;
        throw new Refusal(reason, `poeem gpu remove, and ${setup} once more`);
      }
    },
  };
}

function requireBuild(folder: string): void {
  const require = createRequire(join(folder, BUILD_PATHS.binding));
  const part = (path: string): unknown => require(join(folder, path));
  const { NodeJSKernelBackend } = part(`${BUILD_PATHS.tfjsNode}/dist/nodejs_kernel_backend.js`) as KernelModule;
  const binding = part(BUILD_PATHS.binding);
  part(`${BUILD_PATHS.tfjsNode}/dist/register_all_kernels.js`);
  tf.registerBackend(TENSORFLOW, () => new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node"));
}

interface KernelModule {
  readonly NodeJSKernelBackend: new (binding: unknown, packageName: string) => tf.KernelBackend;
}

/** The packages register their kernels before they look for their library; others would be told of each of them. */
function forget(): void {
  for (const { kernelName } of tf.getKernelsForBackend(TENSORFLOW)) tf.unregisterKernel(kernelName, TENSORFLOW);
  if (tf.findBackendFactory(TENSORFLOW)) tf.removeBackend(TENSORFLOW);
}

function isOnGpu(): boolean {
  return (tf.findBackend(TENSORFLOW) as { isUsingGpuDevice?: boolean } | null)?.isUsingGpuDevice === true;
}
