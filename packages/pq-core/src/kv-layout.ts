/**
 * Names of the keys under which a published artifact lies in Workers KV, and the one small value that changes.
 *
 *     index/<name>              the pointer: which version of the index serves; written last, polled by readers
 *     chunk/<key>               manifests and chunks: immutable, the content decides the key: cache them for good
 *     version/<name>/<version>  the record of a published version, one key each, so that two publishers cannot lose one
 *     claim/<kind>/<holder>     a publish or a prune under way; expires by itself. Tools read it, the Worker never does
 *
 * Publisher, Worker and tools import these; no other place spells them.
 */
import { describe, FormatError, rangeError } from "./errors.ts";

/** The index that is meant when none is named. */
export const DEFAULT_INDEX_NAME = "current";

/** What the keys of one sort begin with: to list them. */
export const KEY_PREFIXES = { pointer: "index/", chunk: "chunk/", version: "version/", claim: "claim/" } as const;

/** Value of a pointer key: JSON of this shape. */
export interface IndexPointer {
  readonly version: string;
  /** Full KV key of the manifest, so that a reader needs no naming rule of the publisher's. */
  readonly manifestKey: string;
  /**
   * When the pointer was written: ISO 8601, UTC. Of two pointers readers follow the later one, so it grows with each,
   * also with one to an earlier version.
   */
  readonly publishedAt: string;
}

/** What an index may be called. No slash, no dot: a name that comes from outside can spell no other key. */
export const INDEX_NAME = /^[a-z0-9-]{1,40}$/;

/**
 * KV key of the pointer of the index called `name`.
 * @throws RangeError for a name that is not {@link INDEX_NAME}
 */
export function pointerKey(name: string = DEFAULT_INDEX_NAME): string {
  checkName(name);
  return `${KEY_PREFIXES.pointer}${name}`;
}

/**
 * KV key of the record of a version that was published under `name`; without a version, what all of them begin with.
 * @throws RangeError for a name that is not {@link INDEX_NAME}
 */
export function versionKey(name: string, version = ""): string {
  checkName(name);
  return `${KEY_PREFIXES.version}${name}/${version}`;
}

/** KV key by which a publish or a prune says that it is under way. `holder` tells two of them apart. */
export function claimKey(kind: "publish" | "prune", holder = ""): string {
  return `${KEY_PREFIXES.claim}${kind}/${holder}`;
}

/** KV key of a chunk whose artifact key is `key`. */
export function chunkKey(key: string): string {
  return `${KEY_PREFIXES.chunk}${key}`;
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

function checkName(name: string): void {
  if (!INDEX_NAME.test(name)) throw rangeError("name", "1 to 40 of the characters a-z, 0-9 and -", name);
}
