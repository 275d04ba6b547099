/** `#kernel` in a Worker, which may not compile bytes: the kernel comes by import, compiled at deploy time. */
import { type KernelFactory, loadKernel } from "@poeem/pq-core";
import kernelModule from "@poeem/pq-core/kernel-relaxed.wasm";

/** The kernel of this platform. */
export function platformKernel(): KernelFactory | Promise<KernelFactory> {
  return loadKernel(kernelModule);
}
