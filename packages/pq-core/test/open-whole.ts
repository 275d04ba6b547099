import {
  type ChunkSource,
  type Index,
  loadKernel,
  type OpenOptions,
  openArtifact,
  scalarKernel,
} from "../src/index.ts";

export interface WholeOptions extends Omit<OpenOptions, "kernel"> {
  /** Left out: the scalar kernel. */
  readonly kernelModule?: WebAssembly.Module | undefined;
}

/** `openArtifact`, by the scalar kernel when no module is given. */
export function openWhole(
  source: ChunkSource,
  manifestBytes: Uint8Array,
  { kernelModule, ...options }: WholeOptions = {},
): Promise<Index> {
  const kernel = kernelModule === undefined ? scalarKernel : loadKernel(kernelModule);
  return openArtifact(source, manifestBytes, { kernel, ...options });
}
