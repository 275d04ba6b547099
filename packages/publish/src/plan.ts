import { DEFAULT_INDEX_NAME, KEY_PREFIXES } from "@poeem/pq-core/kv";
import type { CheckedArtifact } from "./read-artifact.ts";
import type { Store } from "./store.ts";
import { type ExpectedValue, valuesOf } from "./verify.ts";

/** What a publish would write. */
export interface PublishPlan {
  readonly name: string;
  readonly version: string;
  readonly write: readonly ExpectedValue[];
  readonly present: readonly ExpectedValue[];
}

/** Compares an artifact with what the store holds; writes nothing. */
export async function planPublish(
  store: Store,
  { manifest, manifestBytes, read }: CheckedArtifact,
  name: string = DEFAULT_INDEX_NAME,
): Promise<PublishPlan> {
  const stored = new Map((await store.list(KEY_PREFIXES.chunk)).map(({ key, metadata }) => [key, metadata]));
  // Keys are compared, never read: KV would remember the absence of those that are about to be written.
  const isThere = ({ key, sha256, size }: ExpectedValue): boolean => {
    const metadata = stored.get(key);
    return metadata?.["sha256"] === sha256 && metadata["size"] === size;
  };
  const values = await valuesOf(manifest, manifestBytes, { get: read });
  return {
    name,
    version: manifest.version,
    write: values.filter((value) => !isThere(value)),
    present: values.filter(isThere),
  };
}

/** The values of a plan but those that another version has and the store holds. */
export function valuesBeside({ write, present }: PublishPlan, other: readonly ExpectedValue[]): ExpectedValue[] {
  const shared = new Set(other.map(({ key }) => key));
  return [...write, ...present.filter(({ key }) => !shared.has(key))];
}
