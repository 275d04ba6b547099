/** Parts of a search that are more than a text or a number: vectors, and what has names of its own. */
import { z } from "@hono/zod-openapi";
import { MAX_CONTEXTS, nameFault, quote, valueFault } from "@poeem/pq-core";
import { MAX_NAME_SHOWN } from "./parameters.ts";
import { decodeVector } from "./vector.ts";

/** Inputs of a model that read an embedding each. */
const MAX_EMBEDDINGS = 16;

/** Takes over what limits.ts or a parser found. */
export function addFault(context: z.RefinementCtx, fault: string | undefined, path: readonly PropertyKey[] = []): void {
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault, path: [...path] });
}

/** A query vector, as `decodeVector` takes it. */
export const vector = z.unknown().transform((value, context) => {
  const decoded = decodeVector(value);
  if (decoded instanceof Float32Array) return decoded;
  context.issues.push({ code: "custom", message: decoded.error, input: undefined });
  return z.NEVER;
});

/** Embeddings of a search: of the one input that the model has, or of several by their names. */
export type Embedding = Float32Array | Readonly<Record<string, Float32Array>>;

/** See {@link Embedding}. */
export const embedding = z.unknown().transform((value, context): Embedding => {
  const isNamed = typeof value === "object" && value !== null && !Array.isArray(value);
  const named: [string, unknown][] = isNamed ? Object.entries(value) : [["", value]];
  if (named.length === 0) addFault(context, "expected at least one embedding, got none");
  if (named.length > MAX_EMBEDDINGS)
    addFault(context, `expected at most ${MAX_EMBEDDINGS} embeddings, got ${named.length}`);
  const decoded = named.slice(0, MAX_EMBEDDINGS).map(([name, one]) => {
    const vector = decodeVector(one);
    if (vector instanceof Float32Array) return [name, vector] as const;
    addFault(context, vector.error, isNamed ? [name.slice(0, MAX_NAME_SHOWN)] : []);
    return [name, new Float32Array(0)] as const;
  });
  return isNamed ? Object.fromEntries(decoded) : decoded[0]![1];
});

/** Name and value of each context feature. Read by hand, since a record of zod drops the name __proto__. */
export const context = z
  .unknown()
  .transform((value, ctx) => {
    if (value === undefined) return undefined;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    const entries: [string, unknown][] = isObject ? Object.entries(value) : [];
    if (!isObject) addFault(ctx, `expected an object of names and texts, got ${kindOf(value)}`);
    else if (entries.length === 0) addFault(ctx, "expected at least one feature, got none");
    else if (entries.length > MAX_CONTEXTS)
      addFault(ctx, `expected at most ${MAX_CONTEXTS} features, got ${entries.length}`);
    else
      for (const [name, text] of entries) {
        const isText = typeof text === "string";
        const fault = nameFault(name) ?? (isText ? valueFault(text) : `expected text, got ${kindOf(text)}`);
        addFault(ctx, fault, [name.slice(0, MAX_NAME_SHOWN)]);
      }
    // One order, so that one question has one ETag.
    return Object.fromEntries((entries as [string, string][]).sort(([a], [b]) => (a < b ? -1 : 1)));
  })
  .optional();

/** An object, or a function of a hook, may refuse to become a string. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  if (typeof value === "function") return "a function";
  return typeof value === "string" ? quote(value) : String(value);
}
