/**
 * Names of the keys under which a published artifact lies in Workers KV, and the one small value that changes.
 *
 *     index/<name>      the pointer: which version of the index serves; written last, polled by readers
 *     chunk/<key>       manifests and chunks: immutable, the content decides the key, so they may be cached for good
 *
 * Publisher, Worker and tools import these; no other place spells them.
 */
import { describe, FormatError } from "./errors.ts";

/** The index that is meant when none is named. */
export const DEFAULT_INDEX_NAME = "current";

/** Value of a pointer key: JSON of this shape. */
export interface IndexPointer {
  readonly version: string;
  /** Full KV key of the manifest, so that a reader needs no naming rule of the publisher's. */
  readonly manifestKey: string;
  /** When the pointer was written: ISO 8601, UTC. */
  readonly publishedAt: string;
}

/** KV key of the pointer of the index called `name`. */
export function pointerKey(name: string = DEFAULT_INDEX_NAME): string {
  return `index/${name}`;
}

/** KV key of a chunk whose artifact key is `key`. */
export function chunkKey(key: string): string {
  return `chunk/${key}`;
}

/** KV key of the manifest of a version. */
export function manifestKey(version: string): string {
  return chunkKey(`manifest-${version}.json`);
}

/** The pointer as it is written. */
export function formatPointer({ version, manifestKey, publishedAt }: IndexPointer): string {
  return JSON.stringify({ version, manifestKey, publishedAt });
}

/**
 * Reads a pointer.
 * @throws FormatError when the text is not JSON, or a member is missing or not a string; unknown members are ignored.
 */
export function parsePointer(text: string): IndexPointer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new FormatError("index pointer", `expected JSON, got ${describe(text)}`);
  }
  const members: Partial<Record<keyof IndexPointer, unknown>> =
    typeof value === "object" && value !== null ? value : {};
  const member = (name: keyof IndexPointer): string => {
    const found = members[name];
    if (typeof found === "string" && found !== "") return found;
    throw new FormatError("index pointer", `"${name}" expected a non-empty string, got ${describe(found)}`);
  };
  return { version: member("version"), manifestKey: member("manifestKey"), publishedAt: member("publishedAt") };
}
