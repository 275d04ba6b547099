import type { DeltaReader } from "../format/open.ts";
import { DeltaIndex } from "./delta-index.ts";
import { readDeltaPayload } from "./payload.ts";

/** Reads indexes that items were added to, updated or removed from since they were written: `openArtifact(…, { deltas })`. */
export const deltas: DeltaReader = async (manifest, base, bytes, open) => {
  const payload = readDeltaPayload(manifest, manifest.delta!, bytes, base.parts.offsets);
  return new DeltaIndex(manifest, base, await open({ codebook: base.codebook, ...payload }), payload);
};
