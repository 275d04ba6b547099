import { EncoderError } from "./encoder.ts";

/**
 * Reads the JSON of an answer, as far as it is not longer than it can be.
 * @param most bytes
 * @throws EncoderError for a longer one, and for what is no JSON
 */
export async function readJson(response: Response, most: number, encoder: string): Promise<unknown> {
  const tooLong = () => new EncoderError("malformed", encoder, `expected an answer of at most ${most} bytes, got more`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    size += value.length;
    if (size > most) {
      void reader?.cancel().catch(() => undefined);
      throw tooLong();
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new EncoderError("malformed", encoder, "expected JSON, got something else");
  }
}
