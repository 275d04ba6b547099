import { type ChunkSource, type Index, loadKernel, type OpenOptions, openArtifact } from "../src/index.ts";
import { allParts, scalarKernel } from "../src/parts.ts";

export interface WholeOptions extends Omit<OpenOptions, "kernel"> {
  /** Left out: the scalar kernel. */
  readonly kernelModule?: WebAssembly.Module | undefined;
}

/** `openArtifact` with every part there is. */
export function openWhole(
  source: ChunkSource,
  manifestBytes: Uint8Array,
  { kernelModule, ...options }: WholeOptions = {},
): Promise<Index> {
  const kernel = kernelModule === undefined ? scalarKernel : loadKernel(kernelModule);
  return openArtifact(source, manifestBytes, { ...allParts, kernel, ...options });
}
