/** `#kernel` in Node, Bun and Deno: the kernel is read from its file, with relaxed SIMD where the engine has it. */
import { adcKernel } from "@poeem/offline/index-folder/kernel";
import type { KernelFactory } from "@poeem/pq-core";

/** The kernel of this platform. */
export function platformKernel(): KernelFactory | Promise<KernelFactory> {
  return adcKernel();
}
