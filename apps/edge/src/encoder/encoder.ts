/** What turns texts into embeddings, away from here, and what is said of one that fails. */
import { SettingError } from "../setting-error.ts";

/** A model behind an address, a binding or a function of one's own. */
export interface Encoder {
  /** As the index names it: the `queries.encoder` of its training. */
  readonly name: string;
  /** Numbers of each vector. */
  readonly length: number;
  /**
   * One vector of `length` finite numbers, not all zero, for each text in its place. It may be called again for texts
   * that failed, and what it does after `signal` is aborted counts for nothing.
   */
  embed(texts: readonly string[], signal: AbortSignal): Promise<readonly ArrayLike<number>[]>;
  /** What else the vectors depend on, as text: with other settings, none is taken from the cache. */
  readonly settings?: string | undefined;
  /** Milliseconds for all that a request asks of it; default 2,000. */
  readonly timeoutMs?: number | undefined;
}

/** One encoder, or several whose names differ: each index is served by the one that it names. */
export type EncoderOption<Env extends object = object> =
  | Encoder
  | EncoderMaker<Env>
  | readonly (Encoder | EncoderMaker<Env>)[];

/** Makes an encoder of bindings and secrets: once, at the first request. */
export type EncoderMaker<Env extends object = object> = (env: Env) => Encoder;

/** What the ready encoders have in common. */
export interface EncoderSettings {
  /** As the index names it; left out: the model. */
  readonly name?: string | undefined;
  /** Numbers of each vector; left out: those that the model is known for. */
  readonly length?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * How it failed: no answer in time, none at all, too much to do, a no that is final, an answer that cannot be; `paused`
 * where it was not asked, because it has failed several times.
 */
export type EncoderFault = "late" | "unreachable" | "busy" | "refused" | "malformed" | "paused";

/** An encoder did not give what it should. Its message has neither a text nor a key, nor what the encoder said. */
export class EncoderError extends Error {
  override readonly name = "EncoderError";
  readonly kind: EncoderFault;
  constructor(kind: EncoderFault, encoder: string, what: string) {
    super(`[edge] encoder "${encoder}" ${what}`);
    this.kind = kind;
  }
}

/** The longest vector that a tower reads. */
const MAX_LENGTH = 4096;
const MAX_NAME = 200;
const MAX_TIMEOUT_MS = 30_000;
const MEMBERS = ["name", "length", "embed", "settings", "timeoutMs"];

/**
 * The encoders of an option.
 * @throws SettingError naming what is wrong
 */
export function readEncoders<Env extends object>(option: EncoderOption<Env> | undefined, env: Env): readonly Encoder[] {
  if (option === undefined) return [];
  const given: readonly unknown[] = Array.isArray(option) ? option : [option];
  if (given.length === 0) throw new SettingError('"encoder"', "at least one, or to be left out", "an empty list");
  const encoders = given.map((one) => checkEncoder(typeof one === "function" ? one(env) : one));
  const names = encoders.map(({ name }) => name);
  const repeated = names.find((name, i) => names.indexOf(name) < i);
  if (repeated !== undefined) throw new SettingError('"encoder"', "encoders of different names", `two "${repeated}"`);
  return encoders;
}

/** @throws SettingError for what can be seen without the bindings */
export function checkEncoderOption(option: unknown): void {
  for (const one of Array.isArray(option) ? option : [option])
    if (one !== undefined && typeof one !== "function") checkEncoder(one);
}

/** @throws SettingError */
export function checkEncoder(encoder: unknown): Encoder {
  if (typeof encoder !== "object" || encoder === null || Array.isArray(encoder) || encoder instanceof Promise)
    throw new SettingError('"encoder"', "an encoder, or a function of env that makes one", kindOf(encoder));
  const given = encoder as Partial<Record<keyof Encoder, unknown>>;
  const { name, length, embed, settings, timeoutMs = 1 } = given;
  const other = Object.keys(given).find((key) => !MEMBERS.includes(key));
  if (other !== undefined) throw new SettingError('"encoder"', `no other members than ${MEMBERS.join(", ")}`, other);
  if (typeof name !== "string" || name.trim() === "" || name.length > MAX_NAME)
    throw new SettingError('"encoder"', `a name of 1 to ${MAX_NAME} characters`, kindOf(name));
  const ofName = `encoder "${name}"`;
  if (!Number.isInteger(length) || !((length as number) >= 1 && (length as number) <= MAX_LENGTH))
    throw new SettingError(`${ofName}, length,`, `a whole number from 1 to ${MAX_LENGTH}`, numberOf(length));
  if (typeof embed !== "function") throw new SettingError(`${ofName}, embed,`, "a function", kindOf(embed));
  if (settings !== undefined && typeof settings !== "string")
    throw new SettingError(`${ofName}, settings,`, "text", kindOf(settings));
  if (typeof timeoutMs !== "number" || !(timeoutMs >= 1 && timeoutMs <= MAX_TIMEOUT_MS))
    throw new SettingError(`${ofName}, timeoutMs,`, `a number from 1 to ${MAX_TIMEOUT_MS}`, numberOf(timeoutMs));
  return encoder as Encoder;
}

/**
 * The numbers of a model's vectors.
 * @throws SettingError for a model that is not known, where nobody says
 */
export function lengthOf(model: string, given: number | undefined, known: Readonly<Record<string, number>>): number {
  const length = given ?? (Object.hasOwn(known, model) ? known[model] : undefined);
  if (length === undefined)
    throw new SettingError(`encoder "${model}", length,`, "how many numbers its vectors have", "nothing");
  return length;
}

/** Without the value, which may be a secret. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

function numberOf(value: unknown): string {
  return typeof value === "number" ? String(value) : kindOf(value);
}
