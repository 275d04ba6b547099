/** Asks an encoder: in time, once more where that may help, and not without a look at what it says. */
import { type Encoder, EncoderError, type EncoderFault } from "./encoder.ts";

/** For all tries together: whoever searches waits for them. */
export const TIMEOUT_MS = 2_000;
const MAX_TRIES = 2;
/** What may be otherwise at the next try. What is late has used up the time. */
export const PASSING: readonly EncoderFault[] = ["unreachable", "busy"];

/**
 * The vectors of texts, checked.
 * @param timeoutMs left for it
 * @throws EncoderError
 */
export async function askEncoder(
  encoder: Encoder,
  texts: readonly string[],
  timeoutMs = encoder.timeoutMs ?? TIMEOUT_MS,
): Promise<Float32Array[]> {
  const ended = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new EncoderError("late", encoder.name, "did not answer in time"));
    ended.abort();
  }, timeoutMs);
  // Where the answer comes first, nobody waits for this one.
  late.catch(() => undefined);
  try {
    for (let tries = 1; ; tries++) {
      try {
        // An embed that does not look at its signal is waited for no longer, either.
        return checked(encoder, texts.length, await Promise.race([encoder.embed(texts, ended.signal), late]));
      } catch (thrown) {
        const error = thrown instanceof EncoderError ? thrown : failureOf(encoder, thrown);
        if (tries === MAX_TRIES || !PASSING.includes(error.kind)) throw error;
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** What is known of an error that somebody else's code threw: its message may have anything in it. */
function failureOf({ name }: Encoder, thrown: unknown): EncoderError {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : undefined;
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  const ofKind = thrown instanceof Error && /^\w{1,40}$/.test(thrown.name) ? thrown.name : typeof thrown;
  const more = typeof code === "string" && /^[A-Z][A-Z0-9_]{1,39}$/.test(code) ? ` ${code}` : "";
  return new EncoderError("unreachable", name, `threw ${ofKind}${more}`);
}

/** @throws EncoderError for anything but one vector of the right length and of finite numbers for each text */
function checked({ name, length }: Encoder, count: number, answer: unknown): Float32Array[] {
  const wrong = (expected: string, got: string) =>
    new EncoderError("malformed", name, `expected ${expected}, got ${got}`);
  if (!Array.isArray(answer)) throw wrong("a list of vectors", "something else");
  if (answer.length !== count) throw wrong(`${count} vectors`, String(answer.length));
  return answer.map((given: unknown) => {
    const isList = Array.isArray(given) || given instanceof Float32Array || given instanceof Float64Array;
    if (!isList) throw wrong("vectors as lists of numbers", "something else");
    if (given.length !== length) throw wrong(`vectors of ${length} numbers`, String(given.length));
    const vector = new Float32Array(length);
    let isZero = true;
    for (let i = 0; i < length; i++) {
      const value: unknown = given[i];
      if (typeof value !== "number") throw wrong("numbers", "something else");
      vector[i] = value;
      if (!Number.isFinite(vector[i])) throw wrong("finite float32 numbers", String(vector[i]));
      isZero &&= vector[i] === 0;
    }
    if (isZero) throw wrong("a vector that is not zero", "zeros");
    return vector;
  });
}
