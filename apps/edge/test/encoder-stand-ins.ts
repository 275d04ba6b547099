/** Local stand-ins for encoders: what Workers AI and OpenAI-compatible addresses take and answer, as documented. */
import { randomFloats } from "./fixture.ts";

/** The embedding that every stand-in gives a text: seeded by its characters. */
export function embeddingOf(text: string, length: number): Float32Array {
  const random = randomFloats([...text].reduce((seed, char) => (seed * 31 + char.codePointAt(0)!) >>> 0, 7) || 1);
  return Float32Array.from({ length }, random);
}

/** A binding of Workers AI: `run(model, { text })` answers `{ shape, data, pooling }`. */
export function aiStandIn(length: number) {
  const calls: { readonly model: string; readonly input: Record<string, unknown>; readonly options: unknown }[] = [];
  return {
    calls,
    async run(model: string, input: Record<string, unknown>, options?: Record<string, unknown>): Promise<unknown> {
      calls.push({ model, input, options });
      const { text } = input;
      if (text === undefined) throw new Error("5006: Error: required properties at '/' are 'text'");
      const texts = [text].flat() as string[];
      if (texts.length > 100) throw new Error("5004: Invalid input: at most 100 texts");
      const data = texts.map((one) => Array.from(embeddingOf(one, length)));
      return { shape: [texts.length, length], data, pooling: "cls" };
    },
  };
}

/** `POST /v1/embeddings`, which answers a list in any order. Wants a key where it has one. */
export function openAiStandIn(length: number, key?: string) {
  const asked: { readonly url: string; readonly body: Record<string, unknown>; readonly headers: Headers }[] = [];
  const error = (status: number, message: string) =>
    Response.json({ error: { message, type: "invalid_request_error", param: null, code: null } }, { status });
  return {
    asked,
    async fetch(url: string, init: RequestInit): Promise<Response> {
      const headers = new Headers(init.headers);
      const body = JSON.parse(String(init.body)) as Record<string, unknown>;
      asked.push({ url, body, headers });
      if (init.method !== "POST" || !new URL(url).pathname.endsWith("/v1/embeddings")) return error(404, "not found");
      const given = headers.get("authorization");
      // As the real one does: the answer quotes what it was given.
      if (key !== undefined && given !== `Bearer ${key}`) return error(401, `Incorrect API key provided: ${given}`);
      const input = [body["input"]].flat() as string[];
      if (typeof body["model"] !== "string" || input.length === 0) return error(400, `wrong input: ${input}`);
      const own = (body["dimensions"] as number | undefined) ?? length;
      const data = input.map((text, index) => ({
        object: "embedding",
        index,
        embedding: Array.from(embeddingOf(text, own)),
      }));
      const usage = { prompt_tokens: input.length, total_tokens: input.length };
      return Response.json({ object: "list", data: data.reverse(), model: body["model"], usage });
    },
  };
}
