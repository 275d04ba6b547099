import type { Manifest } from "../types.ts";

/**
 * A manifest as one or two manifests of indexes without a delta: the base, and the items beside it. Each lists its own
 * chunks and counts its own items, so that whatever reads an index reads either.
 */
export interface ManifestViews {
  readonly base: Manifest;
  readonly delta: Manifest | undefined;
}

export function viewsOf(manifest: Manifest): ManifestViews {
  const { delta, ...rest } = manifest;
  if (delta === undefined) return { base: manifest, delta: undefined };
  const of = (isDelta: boolean) => manifest.chunks.filter((entry) => (entry?.delta === true) === isDelta);
  return {
    base: { ...rest, numItems: delta.baseItems, chunks: of(false) },
    delta: { ...rest, numItems: delta.numItems, chunks: of(true) },
  };
}

/** Equal for two versions whose items lie in the same base: all that reading the base depends on. */
export function baseIdentity(manifest: Manifest): string {
  const { base } = viewsOf(manifest);
  const { version, previousVersion, training, checksum, defaultNprobe, ...rest } = base;
  return JSON.stringify(rest);
}
