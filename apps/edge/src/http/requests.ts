/** What a search may ask, as parameters of an address and as JSON. Both become one `SearchRequest`. */
import { z } from "@hono/zod-openapi";
import { InputError, parseFilter } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME, INDEX_NAME } from "@poeem/pq-core/kv";
import { MAX_HISTORY, UNTRAINED_HISTORY } from "@poeem/towers";
import { decodeVector } from "./vector.ts";

export const maxQueryBytes = 512;
export const maxK = 1000;
export const defaultK = 10;
export const maxExclude = 1000;
export const maxFields = 64;
/** Items of a history. The model reads the newest of them; none of them is among the results. */
export const maxHistory = MAX_HISTORY;
export const maxContexts = 16;
export const maxIdBytes = 512;
const maxFilterBytes = 2000;
/** Searches in one POST. */
export const maxBatch = 32;
/** Results in one POST, all searches together: each may cost a page of the index. */
export const maxBatchResults = 2000;
/** Above any `nlist` that a Worker could hold; the index itself says how many cells it has. */
const maxNprobe = 1_000_000;

/** The ways to say what is wanted. */
export const queryKinds = ["q", "like", "history", "vector", "context"] as const;

/** A search, whichever way it came. Of `queryKinds`, one is there; or several of q, history and context. */
export type SearchRequest = z.output<typeof searchBody>;

const doc = {
  index: "Which of the published indexes answers",
  q: `Text to search for, up to ${maxQueryBytes} bytes of UTF-8`,
  like: "Id of an item: find those nearest to it. The item itself is not among the results",
  history: `Ids of items, oldest first, up to ${maxHistory}: find what goes with them. A model trained on histories reads as many of the newest as it has learned to (see /version); else an item scores by the nearest of the newest ${UNTRAINED_HISTORY}. They themselves are not among the results`,
  context:
    "Context features of the model (see /version) and their values, for example device and phone; an unknown value counts for nothing",
  vector: "Query vector of the index's dim: little-endian float32 as base64url, or a JSON array of numbers",
  k: "Results wanted",
  nprobe: "Cells of the index to visit, at most its nlist; left out: the index's own default",
  exclude: `Ids that must not be returned, up to ${maxExclude}; unknown ones are ignored`,
  filter: "Only items for which this holds, for example kind:emoji AND NOT (set:mdi OR year<1990)",
  diversity:
    "0 to 1: how much results should differ from each other (maximal marginal relevance among four times as many)",
  fields: `Fields to return, up to ${maxFields}; left out: all. The title always comes`,
};

const text = z
  .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
  .transform((value) => value.trim())
  .refine((value) => value !== "", { error: "expected some text, got none" })
  .refine((value) => utf8Length(value) <= maxQueryBytes, {
    error: ({ input }) => `expected at most ${maxQueryBytes} bytes of UTF-8, got ${utf8Length(String(input))}`,
  });

const id = z
  .union([z.string(), z.number()], { error: ({ input }) => `expected an id, got ${kindOf(input)}` })
  .refine((value) => value !== "", { error: "expected an id, got none" })
  .refine((value) => utf8Length(String(value)) <= maxIdBytes, {
    error: `expected an id of at most ${maxIdBytes} bytes`,
  });

const vector = z.unknown().transform((value, context) => {
  const decoded = decodeVector(value);
  if (decoded instanceof Float32Array) return decoded;
  context.issues.push({ code: "custom", message: decoded.error, input: undefined });
  return z.NEVER;
});

const filter = z
  .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
  .refine((value) => utf8Length(value) <= maxFilterBytes, {
    error: `expected at most ${maxFilterBytes} bytes of UTF-8`,
  })
  .transform((value, context) => {
    try {
      return parseFilter(value);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      context.issues.push({ code: "custom", message: error.detail, input: undefined });
      return z.NEVER;
    }
  });

/** Commas part the values of an address; an id with a comma in it needs the JSON form. */
const commaList = (max: number) =>
  z
    .string()
    .transform((value) => value.split(",").filter((part) => part !== ""))
    .refine((parts) => parts.length <= max, {
      error: ({ input }) => `expected at most ${max} values, got ${(input as string[]).length}`,
    });

const idList = (max: number) =>
  z
    .array(id, { error: ({ input }) => `expected a list of ids, got ${kindOf(input)}` })
    .max(max, { error: ({ input }) => `expected at most ${max} values, got ${(input as unknown[]).length}` });

function integer(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return {
    /** Decimal digits without sign, point or exponent. */
    text: z
      .string()
      .regex(/^\d{1,9}$/, { error: ({ input }) => `${expected}, got ${show(String(input))}` })
      .transform(Number)
      .refine((value) => value >= min && value <= max, { error: ({ input }) => `${expected}, got ${input}` }),
    json: z
      .int({ error: ({ input }) => `${expected}, got ${kindOf(input)}` })
      .refine((value) => value >= min && value <= max, {
        error: ({ input }) => `${expected}, got ${input}`,
      }),
  };
}

const expectedShare = "expected a number from 0 to 1";
const share = {
  text: z
    .string()
    .regex(/^(0(\.\d{1,6})?|1(\.0{1,6})?)$/, { error: ({ input }) => `${expectedShare}, got ${show(String(input))}` })
    .transform(Number),
  json: z
    .number({ error: ({ input }) => `${expectedShare}, got ${kindOf(input)}` })
    .refine((value) => value >= 0 && value <= 1, { error: ({ input }) => `${expectedShare}, got ${input}` }),
};

const k = integer(1, maxK);
const nprobe = integer(1, maxNprobe);
const kDoc = { type: "integer", minimum: 1, maximum: maxK, default: defaultK } as const;
const nprobeDoc = { type: "integer", minimum: 1 } as const;

/** Nothing but a name gets past this: it becomes part of a KV key. */
const index = z
  .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
  .regex(INDEX_NAME, {
    error: ({ input }) => `expected 1 to 40 of the characters a-z, 0-9 and -, got ${show(String(input))}`,
  })
  .default(DEFAULT_INDEX_NAME);
const indexDoc = { type: "string", pattern: INDEX_NAME.source, default: DEFAULT_INDEX_NAME, example: "books" } as const;
const indexParameter = { index: index.openapi({ param: { description: doc.index }, ...indexDoc }) };

/** The parameters of routes that ask nothing but an index. */
export const indexQuery = z.object(indexParameter);

/** One of the ways to say what is wanted, or several that a model may read together. */
function checkQuery(value: object, context: z.RefinementCtx): void {
  const names = Object.keys(value).filter((name) => (value as Record<string, unknown>)[name] !== undefined);
  const given = queryKinds.filter((kind) =>
    names.some((name) => name === kind || (kind === "context" && name.startsWith(contextPrefix))),
  );
  const areTogether = given.length > 0 && !given.includes("like") && !given.includes("vector");
  if (given.length === 1 || areTogether) return;
  const got = given.length === 0 ? "none" : given.join(" and ");
  context.addIssue({
    code: "custom",
    path: ["q"],
    message: `expected like, vector, or any of q, history and context, got ${got}`,
  });
}

const contextName = /^[A-Za-z0-9_-]{1,64}$/;
/** Name and value of each context feature. */
const context = z
  .record(z.string().regex(contextName, { error: "is unknown" }), z.string().max(maxIdBytes), {
    error: ({ input }) => `expected an object of names and texts, got ${kindOf(input)}`,
  })
  .refine((values) => Object.keys(values).length > 0, { error: "expected at least one feature, got none" })
  .refine((values) => Object.keys(values).length <= maxContexts, { error: `expected at most ${maxContexts} features` })
  // One order, so that one question has one ETag.
  .transform((values) => Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))))
  .optional();

/** In an address, each context feature is a parameter of its own: `context.device=phone`. */
export const contextPrefix = "context.";

/** Takes the context features of an address together, as `POST` has them. @throws ZodError */
export function withContext(query: z.output<typeof searchQuery>): SearchRequest {
  const features = Object.entries(query).filter(([name]) => name.startsWith(contextPrefix));
  if (features.length === 0) return query;
  // From entries, because an assignment to __proto__ would be lost.
  const named = Object.fromEntries(features.map(([name, value]) => [name.slice(contextPrefix.length), value]));
  const others = Object.entries(query).filter(([name]) => !name.startsWith(contextPrefix));
  const { context: read } = z.object({ context }).parse({ context: named });
  return { ...(Object.fromEntries(others) as typeof query), context: read };
}

const searchParameters = z.object({
  q: text.optional().openapi({ param: { description: doc.q }, type: "string", example: "birthday cake" }),
  like: id.optional().openapi({ param: { description: doc.like }, type: "string", example: "emoji:1f382" }),
  history: commaList(maxHistory)
    .refine((ids) => ids.length > 0, { error: "expected at least one id, got none" })
    .optional()
    .openapi({
      param: { description: `${doc.history}; parted by commas` },
      type: "string",
      example: "emoji:1f382,mdi:cake",
    }),
  vector: vector.optional().openapi({ param: { description: doc.vector }, type: "string" }),
  k: k.text.default(defaultK).openapi({ param: { description: doc.k }, ...kDoc }),
  nprobe: nprobe.text.optional().openapi({ param: { description: doc.nprobe }, ...nprobeDoc }),
  filter: filter.optional().openapi({ param: { description: doc.filter }, type: "string", example: "kind:emoji" }),
  diversity: share.text
    .default(0)
    .openapi({ param: { description: doc.diversity }, type: "number", minimum: 0, maximum: 1, default: 0 }),
  exclude: commaList(maxExclude)
    .default([])
    .openapi({
      param: { description: `${doc.exclude}; parted by commas` },
      type: "string",
      example: "emoji:1f382,mdi:cake",
    }),
  fields: commaList(maxFields)
    .optional()
    .openapi({ param: { description: `${doc.fields}; parted by commas` }, type: "string", example: "set,glyph" }),
  ...indexParameter,
});

/** `GET /search?…`. Context features have names that only an index knows, so they come through as they are. */
export const searchQuery = (searchParameters.catchall(z.string()) as unknown as typeof searchParameters).superRefine(
  checkQuery,
);

/** One search of `POST /search`. */
export const searchBody = z
  .strictObject({
    q: text.optional().openapi({ description: doc.q, type: "string", example: "birthday cake" }),
    like: id.optional().openapi({ description: doc.like }),
    history: idList(maxHistory)
      .min(1, { error: "expected at least one id, got none" })
      .optional()
      .openapi({ description: doc.history }),
    vector: vector
      .optional()
      .openapi({ description: doc.vector, oneOf: [{ type: "string" }, { type: "array", items: { type: "number" } }] }),
    k: k.json.default(defaultK).openapi({ description: doc.k, ...kDoc }),
    nprobe: nprobe.json.optional().openapi({ description: doc.nprobe, ...nprobeDoc }),
    filter: filter.optional().openapi({ description: doc.filter, type: "string", example: "kind:emoji" }),
    diversity: share.json
      .default(0)
      .openapi({ description: doc.diversity, type: "number", minimum: 0, maximum: 1, default: 0 }),
    exclude: idList(maxExclude).default([]).openapi({ description: doc.exclude }),
    fields: z
      .array(z.string(), { error: ({ input }) => `expected a list of names, got ${kindOf(input)}` })
      .max(maxFields, {
        error: ({ input }) => `expected at most ${maxFields} values, got ${(input as unknown[]).length}`,
      })
      .optional()
      .openapi({ description: doc.fields }),
    context: context.openapi({ description: doc.context, type: "object", additionalProperties: { type: "string" } }),
    index: index.openapi({ description: doc.index, ...indexDoc }),
  })
  .superRefine(checkQuery)
  .openapi("SearchRequest");

/** A value as a message shows it: quoted, cut short. */
export function show(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" ? "an object" : typeof value === "string" ? show(value) : String(value);
}

function utf8Length(value: string): number {
  return new TextEncoder().encode(value).length;
}
