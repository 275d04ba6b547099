import { UserError } from "@poeem/offline/errors";
import * as tf from "@tensorflow/tfjs";
import { installCommand, loadOptional } from "./optional-package.ts";
import { Refusal } from "./refusal.ts";
import { holdsWebGpu, holdWebGpu, stopWebGpu } from "./webgpu-process.ts";

/** The parts of WebGPU that are looked at before TensorFlow.js takes over. */
interface Gpu {
  requestAdapter(options: object): Promise<Adapter | null>;
}
interface Adapter {
  readonly info?: { readonly vendor: string; readonly description: string; readonly isFallbackAdapter?: boolean };
}

interface GpuDevice {
  addEventListener(type: "uncapturederror", listener: (event: { error: { message: string } }) => void): void;
  readonly lost: Promise<{ message: string; reason: string }>;
}

/** What its backend calls MatMulPackedProgram. */
const PACKED_PRODUCTS = 3;
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;
/** Who brings the driver that Dawn asks for. */
const DRIVERS: Partial<Record<NodeJS.Platform, string>> = {
  linux: "install or update the Vulkan driver: NVIDIA's own, or Mesa's, in Debian mesa-vulkan-drivers",
  darwin: "it needs macOS with Metal",
  win32: "install or update the graphics driver, with Direct3D 12",
};

/**
 * Lets TensorFlow.js's webgpu backend find Dawn (npm package `webgpu`) where a browser has `navigator.gpu`, and
 * registers it.
 *
 * @param auto whether a processor posing as an adapter is refused: wasm is faster than that
 * @throws Refusal when there is no adapter
 */
export async function startWebGpu(auto: boolean): Promise<void> {
  if (holdsWebGpu()) return;
  const dawn = await load("webgpu");
  const create = dawn["create"] as (options: string[]) => Gpu;
  const gpu = create([]);
  // without Vulkan Dawn explains itself on stderr; what is thrown here is the short of it
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter)
    throw new Refusal("no adapter: no Vulkan, Metal or Direct3D driver that Dawn accepts", DRIVERS[process.platform]);
  const { vendor = "", description = "", isFallbackAdapter } = adapter.info ?? {};
  if (auto && (isFallbackAdapter === true || SOFTWARE.test(`${vendor} ${description}`)))
    throw new Refusal(`its only adapter is the processor, by ${description}`, "--backend webgpu runs there, slowly");
  Object.assign(globalThis, dawn["globals"]);
  holdWebGpu(gpu);
  try {
    await load("@tensorflow/tfjs-backend-webgpu");
  } catch (error) {
    stopWebGpu();
    throw error;
  }
  // small tensors that are not on the GPU yet would be computed with by the processor, in another precision: a training
  // that was resumed would go on with other bits
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  // products of long rows would be added up atomically, in whatever order threads arrive
  tf.env().set("WEBGPU_MATMUL_PROGRAM_TYPE", PACKED_PRODUCTS);
}

const load = (name: string): Promise<Record<string, unknown>> => loadOptional(name, installCommand("webgpu"));

/** The first thing that went wrong on the GPU since its backend started. */
let trouble: string | undefined;

/** Once the backend is ready: what a GPU refuses is told to listeners only, and leaves zeros behind. */
export function watchWebGpu(): void {
  const { device } = tf.backend() as unknown as { device: GpuDevice };
  const note = (message: string): void => {
    trouble ??= message.split("\n")[0]!.trim();
  };
  device.addEventListener("uncapturederror", ({ error }) => note(error.message));
  void device.lost.then(({ message, reason }) => {
    if (reason !== "destroyed") note(`the device was lost: ${message}`);
  });
}

/** @throws UserError where the GPU refused something, so that what was computed since cannot be trusted */
export function expectNoGpuTrouble(): void {
  if (trouble !== undefined)
    throw new UserError(`webgpu: ${trouble}; try a smaller training.batchSize, or --backend wasm`);
}
