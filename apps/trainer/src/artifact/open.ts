import { type Index, openArtifact } from "@poeem/pq-core";
import { directorySource, readManifestBytes } from "./directory.ts";
import { kernelModule } from "./kernel.ts";

/** Opens an index folder for searching: every chunk it reads is checked. */
export async function openIndexDirectory(directory: string): Promise<Index> {
  const manifestBytes = await readManifestBytes(directory);
  return openArtifact(directorySource(directory), manifestBytes, { kernelModule: await kernelModule() });
}
