/**
 * Metadata and expiry of a value as R2 keeps them: two strings beside the object. R2 forgets nothing by itself, so an
 * object whose time is over counts as absent, by the clock of whoever looks: those of all who publish must agree within
 * half an hour. A day later, whoever lists it deletes it: claims of processes that were killed are long.
 */
import { compareKeys, type Metadata, type StoredKey, type StoredValue } from "../store.ts";
import { asMetadata } from "./binding.ts";

/** JSON in ASCII, as headers want it. */
const METADATA = "poeem";
/** Milliseconds since 1970. */
const EXPIRES = "poeem-expires";

/** What is kept beside the object of a value. */
export function toCustomMetadata(
  { metadata, expiresIn }: Pick<StoredValue, "metadata" | "expiresIn">,
  now: number,
): Record<string, string> {
  return {
    ...(metadata !== undefined && { [METADATA]: toAscii(JSON.stringify(metadata)) }),
    ...(expiresIn !== undefined && { [EXPIRES]: String(now + 1000 * expiresIn) }),
  };
}

/** What is known of an object. */
export interface ObjectState {
  readonly metadata: Metadata | undefined;
  /** Its time is over, */
  readonly isOver: boolean;
  /** for so long that nobody can mean to write it again. */
  readonly isForgotten: boolean;
}

const DAY_MS = 86_400_000;

/** @param custom what is kept beside the object */
export function stateOf(custom: Readonly<Record<string, string>> | undefined, now: number): ObjectState {
  const { [METADATA]: json, [EXPIRES]: expires = "Infinity" } = custom ?? {};
  const metadata = json === undefined ? undefined : readMetadata(json);
  return { metadata, isOver: Number(expires) <= now, isForgotten: Number(expires) <= now - DAY_MS };
}

/**
 * The keys of objects as `list` gives them: without those whose time is over.
 * @param remove deletes those that are forgotten; where it fails, the next list does it
 */
export async function listed(
  objects: readonly { readonly key: string; readonly state: ObjectState }[],
  remove: (keys: string[]) => Promise<void>,
): Promise<StoredKey[]> {
  const forgotten = objects.filter(({ state }) => state.isForgotten).map(({ key }) => key);
  if (forgotten.length > 0) await remove(forgotten).catch(() => undefined);
  const kept = objects.filter(({ state }) => !state.isOver);
  return kept.map(({ key, state: { metadata } }) => ({ key, metadata })).sort((a, b) => compareKeys(a.key, b.key));
}

/** What somebody else wrote there is none of ours. */
function readMetadata(json: string): Metadata | undefined {
  try {
    return asMetadata(JSON.parse(json));
  } catch {
    return undefined;
  }
}

function toAscii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
