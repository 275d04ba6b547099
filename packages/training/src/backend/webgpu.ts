/** The parts of WebGPU that are looked at before TensorFlow.js takes over. */
interface Gpu {
  requestAdapter(options: object): Promise<Adapter | null>;
}
interface Adapter {
  readonly info?: { readonly vendor: string; readonly description: string; readonly isFallbackAdapter?: boolean };
}

type Load = (name: string) => Promise<Record<string, unknown>>;

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render/i;

/**
 * Lets TensorFlow.js's webgpu backend find Dawn (npm package `webgpu`) where a browser has `navigator.gpu`, and
 * registers it.
 *
 * @param auto whether a processor posing as an adapter is refused: wasm is faster than that
 * @throws Error with the reason when there is no adapter
 */
export async function startWebGpu(load: Load, auto: boolean): Promise<void> {
  if (current) return;
  const dawn = await load("webgpu");
  const create = dawn["create"] as (options: string[]) => Gpu;
  const gpu = create([]);
  // without Vulkan Dawn explains itself on stderr; what is thrown here is the short of it
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("no adapter: no Vulkan, Metal or Direct3D driver that Dawn accepts");
  const { vendor = "", description = "", isFallbackAdapter } = adapter.info ?? {};
  if (auto && (isFallbackAdapter === true || SOFTWARE.test(`${vendor} ${description}`)))
    throw new Error(`its only adapter is the processor (${description})`);
  Object.assign(globalThis, dawn["globals"]);
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  await load("@tensorflow/tfjs-backend-webgpu");
  current = gpu;
}

let current: Gpu | undefined;

/** Lets go of Dawn, which otherwise keeps the process alive. */
export function stopWebGpu(): void {
  if (!current) return;
  current = undefined;
  Reflect.deleteProperty(globalThis.navigator, "gpu");
}
