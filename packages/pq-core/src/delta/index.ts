/**
 * Items added, updated and removed beside an immutable base. Reading needs nothing from here: `openArtifact` does it.
 *
 * @module
 */
export { type CatalogueChanges, compactArtifact, type DeltaArtifact, writeDelta } from "./write.ts";
