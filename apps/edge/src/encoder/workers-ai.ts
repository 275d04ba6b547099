/** Workers AI as an encoder: `env.AI.run(model, { text: […] })` answers `{ shape: [n, length], data: [[…], …] }`. */
import { SettingError } from "../setting-error.ts";
import { type Encoder, EncoderError, type EncoderMaker, type EncoderSettings, kindOf, lengthOf } from "./encoder.ts";

/** What is used of the binding. */
export interface AiBinding {
  run(model: string, input: Record<string, unknown>, options?: Record<string, unknown>): Promise<unknown>;
}

/** All are optional. */
export interface WorkersAiSettings extends EncoderSettings {
  /** What the model takes beside `text`, such as `{ pooling: "cls" }`: the same as for the items. */
  readonly input?: Readonly<Record<string, unknown>> | undefined;
  /** Options of the binding, such as `{ gateway: { id: "default" } }`. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

/** Numbers of the vectors of the platform's models. */
const LENGTHS: Readonly<Record<string, number>> = {
  "@cf/baai/bge-m3": 1024,
  "@cf/baai/bge-small-en-v1.5": 384,
  "@cf/baai/bge-base-en-v1.5": 768,
  "@cf/baai/bge-large-en-v1.5": 1024,
  "@cf/google/embeddinggemma-300m": 768,
  "@cf/pfnet/plamo-embedding-1b": 2048,
  "@cf/qwen/qwen3-embedding-0.6b": 1024,
};

/**
 * A text embedding model of Workers AI.
 * @param binding the binding, or its name among the bindings
 * @param model such as `@cf/baai/bge-m3`
 * @throws SettingError for a model whose length is not known and not given; later, for a binding that is not there
 */
export function workersAi(binding: AiBinding, model: string, settings?: WorkersAiSettings): Encoder;
export function workersAi(binding: string, model: string, settings?: WorkersAiSettings): EncoderMaker;
export function workersAi(
  binding: AiBinding | string,
  model: string,
  { name = model, length: given, timeoutMs, input = {}, options = {} }: WorkersAiSettings = {},
): Encoder | EncoderMaker {
  if (typeof model !== "string" || model === "")
    throw new SettingError("workersAi", "a model such as @cf/baai/bge-m3", kindOf(model));
  const length = lengthOf(model, given, LENGTHS);
  const make = (ai: AiBinding): Encoder => ({
    name,
    length,
    timeoutMs,
    settings: JSON.stringify([model, input]),
    async embed(texts, signal) {
      let answer: unknown;
      try {
        answer = await ai.run(model, { ...input, text: [...texts] }, { ...options, signal });
      } catch (error) {
        throw failureOf(name, error);
      }
      const { data } = (answer ?? {}) as { readonly data?: unknown };
      if (!Array.isArray(data)) throw new EncoderError("malformed", name, 'expected an answer with "data", got none');
      return data;
    },
  });
  if (typeof binding !== "string") return make(checked(binding, "workersAi"));
  return (env) => make(checked((env as Readonly<Record<string, unknown>>)[binding], `binding ${binding}`));
}

function checked(binding: unknown, setting: string): AiBinding {
  if (typeof (binding as Partial<AiBinding> | null | undefined)?.run !== "function")
    throw new SettingError(setting, "a binding of Workers AI", kindOf(binding));
  return binding as AiBinding;
}

/** Codes of the platform: 5xxx are about what was asked, others (capacity, quota, outages) may be gone next time. */
function failureOf(name: string, error: unknown): EncoderError {
  const text = error instanceof Error ? error.message : "";
  const [, code] = /\b(\d{4})(?=:)|\berror code: (\d{4})\b/.exec(text)?.filter((found) => found !== undefined) ?? [];
  const kind = code === undefined ? "unreachable" : code.startsWith("5") ? "refused" : "busy";
  return new EncoderError(kind, name, `failed${code === undefined ? "" : ` with code ${code}`}`);
}
