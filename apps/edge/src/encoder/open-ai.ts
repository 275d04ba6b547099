/**
 * Any address that embeds as OpenAI's does: `POST …/embeddings` of `{ model, input: […] }` answers
 * `{ data: [{ index, embedding: […] }, …] }`.
 */
import { SettingError } from "../setting-error.ts";
import { EncoderError, type EncoderMaker, type EncoderSettings, kindOf, lengthOf } from "./encoder.ts";
import { readJson } from "./read-json.ts";

/** What is asked, and where. */
export interface OpenAiSettings extends EncoderSettings {
  /** Address of the API, as in `https://api.openai.com/v1`, or of its embeddings. */
  readonly url: string;
  readonly model: string;
  /** Name of the secret that has the key; left out: the address wants none. */
  readonly key?: string | undefined;
  /** Shortens vectors, where the model can; told to the address. It is their length then. */
  readonly dimensions?: number | undefined;
  /** Asks the address; left out: the platform's `fetch`. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** Numbers of the vectors of OpenAI's own models. */
const LENGTHS: Readonly<Record<string, number>> = {
  "text-embedding-3-small": 1536,
  "text-embedding-3-large": 3072,
  "text-embedding-ada-002": 1536,
};
/** Of a number as JSON, with its comma and the blanks of a printed one; and of what is around them all. */
const NUMBER_BYTES = 40;
const HEAD_BYTES = 64 * 1024;
/** What may be otherwise at the next try. */
const BUSY: readonly number[] = [408, 425, 429];

/**
 * An encoder behind an OpenAI-compatible address.
 * @throws SettingError for an address that is none, or a model whose length is not known and not given; later, for a
 *   secret that is not there
 */
export function openAiEmbeddings(settings: OpenAiSettings): EncoderMaker {
  const { model, key, dimensions, timeoutMs } = settings;
  if (typeof model !== "string" || model === "")
    throw new SettingError("openAiEmbeddings, model,", "the name of a model", kindOf(model));
  if (key !== undefined && (typeof key !== "string" || key === ""))
    throw new SettingError("openAiEmbeddings, key,", "the name of a secret", kindOf(key));
  const { name = model } = settings;
  const length = lengthOf(model, settings.length ?? dimensions, LENGTHS);
  const url = addressOf(settings.url);
  const ask = settings.fetch ?? ((url: string, init: RequestInit) => fetch(url, init));
  return (env) => {
    const secret = key === undefined ? undefined : secretOf(env, key);
    const headers = {
      "Content-Type": "application/json",
      Accept: "application/json",
      ...(secret !== undefined && { Authorization: `Bearer ${secret}` }),
    };
    return {
      name,
      length,
      timeoutMs,
      settings: JSON.stringify([url, model, dimensions ?? null]),
      async embed(texts, signal) {
        const asked = {
          model,
          input: texts,
          encoding_format: "float",
          ...(dimensions !== undefined && { dimensions }),
        };
        // Nobody else gets the key: a redirect is not followed.
        const init = { method: "POST", headers, body: JSON.stringify(asked), redirect: "manual", signal } as const;
        const response = await ask(url, init);
        if (response.status !== 200) {
          // Unread: it may quote the key and the texts.
          await response.body?.cancel().catch(() => undefined);
          const kind = BUSY.includes(response.status) || response.status >= 500 ? "busy" : "refused";
          throw new EncoderError(kind, name, `answered ${response.status}`);
        }
        const most = HEAD_BYTES + texts.length * length * NUMBER_BYTES;
        return inOrder(name, texts.length, await readJson(response, most, name));
      },
    };
  };
}

/** The vectors by their `index`, which need not be the order in which they come. */
function inOrder(name: string, count: number, answer: unknown): ArrayLike<number>[] {
  const { data } = (answer ?? {}) as { readonly data?: unknown };
  if (!Array.isArray(data) || data.length !== count) {
    const got = Array.isArray(data) ? String(data.length) : "none";
    throw new EncoderError("malformed", name, `expected ${count} entries of "data", got ${got}`);
  }
  const vectors = new Array<ArrayLike<number>>(count);
  for (const [i, entry] of data.entries()) {
    const { index = i, embedding } = (entry ?? {}) as { readonly index?: unknown; readonly embedding?: unknown };
    if (!Number.isInteger(index) || !((index as number) >= 0 && (index as number) < count) || vectors[index as number])
      throw new EncoderError("malformed", name, `expected each index from 0 to ${count - 1} once, got another`);
    if (!Array.isArray(embedding))
      throw new EncoderError("malformed", name, 'expected a list of numbers as "embedding", got something else');
    vectors[index as number] = embedding;
  }
  return vectors;
}

/** @throws SettingError, without what may be a secret in the address */
function addressOf(text: unknown): string {
  const url = typeof text === "string" ? URL.parse(text) : null;
  const expected = "an address such as https://api.openai.com/v1";
  if (url === null || !["https:", "http:"].includes(url.protocol))
    throw new SettingError(
      "openAiEmbeddings, url,",
      expected,
      typeof text === "string" ? "another text" : kindOf(text),
    );
  if (url.username !== "" || url.password !== "")
    throw new SettingError("openAiEmbeddings, url,", `${expected}, and a key as a secret`, "one with a password");
  if (!url.pathname.endsWith("/embeddings")) url.pathname = `${url.pathname.replace(/\/$/, "")}/embeddings`;
  return url.href;
}

/** @throws SettingError naming the secret */
function secretOf(env: object, key: string): string {
  const secret = (env as Readonly<Record<string, unknown>>)[key];
  if (typeof secret !== "string" || !/^[\x21-\x7e]+$/.test(secret))
    throw new SettingError(
      `secret ${key}`,
      "a key of visible ASCII characters",
      secret === "" ? "none" : kindOf(secret),
    );
  return secret;
}
