/**
 * Items added, updated and removed beside an immutable base. To read them, `openArtifact` is handed `deltas` of `@poeem/pq-core/parts`.
 *
 * @module
 */
export { type CatalogueChanges, compactArtifact, type DeltaArtifact, writeDelta } from "./write.ts";
