import { type Index, openArtifact } from "@poeem/pq-core";
import { naming } from "../errors.ts";
import { adcKernel } from "./kernel.ts";
import { readFolders } from "./read.ts";

/**
 * Opens an index folder for searching: every chunk it reads is checked.
 *
 * @param changes folder of changes over it, which `poeem encode` wrote
 */
export async function openIndexDirectory(directory: string, changes?: string): Promise<Index> {
  const path = changes === undefined ? directory : `${directory} with ${changes}`;
  return naming(path, async () => {
    const { source, manifestBytes } = await readFolders(directory, changes);
    return openArtifact(source, manifestBytes, { kernel: await adcKernel() });
  });
}
