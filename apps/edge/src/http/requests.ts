/** What a search may ask for, as URL parameters and as JSON. Both become one `SearchRequest`. */
import { z } from "@hono/zod-openapi";
import { type Filter, InputError, idFault, MAX_COMPARISONS, parseFilter, parseList, quote } from "@poeem/pq-core";
import { DEFAULT_INDEX_NAME, INDEX_NAME } from "@poeem/pq-core/kv";
import { MODES } from "@poeem/pq-core/words";
import { loneOf, MAX_HISTORY, UNTRAINED_HISTORY } from "@poeem/towers";
import { filterFault } from "./filter-fault.ts";
import { invalidRequest, MAX_ERRORS } from "./parameters.ts";
import { addFault, context, embedding, kindOf, vector } from "./request-parts.ts";

export const MAX_QUERY_BYTES = 512;
export const MAX_K = 1000;
export const DEFAULT_K = 10;
export const MAX_EXCLUDE = 1000;
export const MAX_FIELDS = 64;
/** In an address, and in a body. */
const MAX_FILTER_BYTES = { query: 2000, body: 8000 };
/** Searches in one POST. */
export const MAX_BATCH = 32;
/** Results in one POST, all searches together: each may cost a page of the index. */
export const MAX_BATCH_RESULTS = 2000;
/** Above any `nlist` that a Worker could hold; the index itself says how many cells it has. */
const MAX_NPROBE = 1_000_000;

/** Suggestions of one answer. */
const MAX_SUGGESTIONS = 50;
const DEFAULT_SUGGESTIONS = 8;

/** What a search can start from. */
export const QUERY_KINDS = ["q", "like", "history", "vector", "context", "embedding"] as const;

/** A search from a URL or a body. It has one of `QUERY_KINDS`, or several of q, embedding, history and context. */
export type SearchRequest = z.output<typeof searchBody>;

const LISTED =
  'Separated by commas; a value that contains a comma stands in quotes, with its own quotes doubled: "a,b",c';

const doc = {
  index: "Name of the published index to search",
  q:
    `Text to search for, up to ${MAX_QUERY_BYTES} bytes of UTF-8. Where the index has words: "in quotes", words are ` +
    "required; a word after a minus is excluded; the last one may be unfinished; misspelt ones are mended; and an " +
    "item whose id, code or title it is comes first",
  mode:
    "What orders the results: codes (dense), words, or both (hybrid). Words read nothing but q. Without it, hybrid " +
    "where the index has words and q is given, else dense",
  like: "Id of an item: finds the items nearest to it. The item itself is left out",
  history:
    `Ids of up to ${MAX_HISTORY} items, oldest first: finds what goes with them, leaving out the items themselves. ` +
    "A model trained on histories reads the newest ones, historyLength of /version at most. " +
    `With any other model, an item scores by its nearest among the newest ${UNTRAINED_HISTORY}`,
  context:
    "Context features of the model (listed by /version) and their values, for example device and phone. " +
    "Unknown values are ignored",
  vector: "Query vector of the index's dim: little-endian float32 as base64url, or a JSON array of numbers",
  embedding:
    "Embedding of the text by the encoder that the model was trained with (listed by /version), spelled as vector. " +
    "For callers who embed texts themselves: the server then asks no encoder. With q, words count as well",
  k: `Number of results; of all searches of one POST at most ${MAX_BATCH_RESULTS} together`,
  nprobe:
    "Number of cells to visit, of a large index of runs of cells (cellsPerPage), or all. " +
    "Without it, the index's own default",
  exclude: `Up to ${MAX_EXCLUDE} ids that must not be returned. Unknown ids are ignored`,
  filter:
    "Returns only items that match, for example kind:emoji AND NOT (set:mdi OR year<1990). At most " +
    `${MAX_COMPARISONS} comparisons, where a:x OR a:y of one facet are one, in up to ${MAX_FILTER_BYTES.query} bytes ` +
    `of an address and ${MAX_FILTER_BYTES.body} of a body`,
  diversity:
    "0 to 1: how much the results should differ from each other " +
    "(maximal marginal relevance over four times as many candidates)",
  fields:
    `Names of up to ${MAX_FIELDS} fields to return. Without it, all. ` +
    "The title is always returned, unless none is named: then ids and scores alone",
};

const mode = z.enum(MODES, { error: ({ input }) => `expected one of ${MODES.join(", ")}, got ${kindOf(input)}` });

const textOrNone = z
  .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
  .transform((value) => value.trim())
  .refine((value) => utf8Length(value) <= MAX_QUERY_BYTES, {
    error: ({ input }) => `expected at most ${MAX_QUERY_BYTES} bytes of UTF-8, got ${utf8Length(String(input))}`,
  });

const text = textOrNone.refine((value) => value !== "", { error: "expected some text, got none" });

const id = z
  .union([z.string(), z.number()], { error: ({ input }) => `expected an id, got ${kindOf(input)}` })
  .superRefine((value, context) => addFault(context, idFault(String(value))));

/** The id of an address. */
export const idText = z.string().superRefine((value, context) => addFault(context, idFault(value)));

const filterUpTo = (most: number) =>
  z
    .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
    .refine((value) => utf8Length(value) <= most, {
      error: ({ input }) => `expected at most ${most} bytes of UTF-8, got ${utf8Length(String(input))}`,
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

/** Values in a URL are separated by commas; one that contains a comma stands in quotes. */
const commaList = (max: number, faultOf: (value: string) => string | undefined = () => undefined) =>
  z
    .string()
    .transform((value, context) => {
      try {
        return parseList(value, "");
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        addFault(context, error.detail);
        return z.NEVER;
      }
    })
    .superRefine((parts, context) => {
      if (parts.length > max) addFault(context, `expected at most ${max} values, got ${parts.length}`);
      else
        addFault(
          context,
          parts.map(faultOf).find((fault) => fault !== undefined),
        );
    });

/** By hand, because zod takes thirty times as long for each id, and a batch may have thousands. */
const idList = (max: number, least: 0 | 1 = 0) =>
  z
    .unknown()
    .transform((value, context) => {
      if (!Array.isArray(value)) addFault(context, `expected a list of ids, got ${kindOf(value)}`);
      else if (value.length > max) addFault(context, `expected at most ${max} values, got ${value.length}`);
      else if (value.length < least) addFault(context, "expected at least one id, got none");
      else {
        for (const [i, one] of value.entries()) {
          const isId = typeof one === "string" || typeof one === "number";
          addFault(context, isId ? idFault(String(one)) : `expected an id, got ${kindOf(one)}`, [i]);
          if (context.issues.length >= MAX_ERRORS) break;
        }
      }
      return value as (string | number)[];
    })
    .openapi({
      type: "array",
      items: { anyOf: [{ type: "string" }, { type: "number" }] },
      ...(least > 0 && { minItems: least }),
      maxItems: max,
    });

function integer(min: number, max: number) {
  const expected = `expected a whole number from ${min} to ${max}`;
  return {
    /** Decimal digits without sign, point or exponent. */
    text: z
      .string()
      .regex(/^\d{1,9}$/, { error: ({ input }) => `${expected}, got ${quote(String(input))}` })
      .transform(Number)
      .refine((value) => value >= min && value <= max, { error: ({ input }) => `${expected}, got ${input}` }),
    json: z
      .int({ error: ({ input }) => `${expected}, got ${kindOf(input)}` })
      .refine((value) => value >= min && value <= max, {
        error: ({ input }) => `${expected}, got ${input}`,
      }),
  };
}

const EXPECTED_SHARE = "expected a number from 0 to 1";
const share = {
  text: z
    .string()
    .regex(/^(0(\.\d{1,6})?|1(\.0{1,6})?)$/, { error: ({ input }) => `${EXPECTED_SHARE}, got ${quote(String(input))}` })
    .transform(Number),
  json: z
    .number({ error: ({ input }) => `${EXPECTED_SHARE}, got ${kindOf(input)}` })
    .refine((value) => value >= 0 && value <= 1, { error: ({ input }) => `${EXPECTED_SHARE}, got ${input}` }),
};

const k = integer(1, MAX_K);
/** A number of cells, or all of them. */
const cells = <T extends z.ZodType>(number: T) =>
  z.union([z.literal("all"), number], {
    error: ({ input }) => `expected a whole number from 1 to ${MAX_NPROBE}, or all, got ${kindOf(input)}`,
  });
const nprobe = { text: cells(integer(1, MAX_NPROBE).text), json: cells(integer(1, MAX_NPROBE).json) };
const kDoc = { type: "integer", minimum: 1, maximum: MAX_K, default: DEFAULT_K } as const;
type Kind = { type: "integer" | "string"; minimum?: number };
const nprobeDoc = { oneOf: [{ type: "integer", minimum: 1 }, { type: "string" }] as Kind[] };

/** Nothing but a name gets past this: it becomes part of a KV key. */
const index = z
  .string({ error: ({ input }) => `expected text, got ${kindOf(input)}` })
  .regex(INDEX_NAME, {
    error: ({ input }) => `expected 1 to 40 of the characters a-z, 0-9 and -, got ${quote(String(input))}`,
  })
  .default(DEFAULT_INDEX_NAME);
const indexDoc = { type: "string", pattern: INDEX_NAME.source, default: DEFAULT_INDEX_NAME, example: "books" } as const;
const indexParameter = { index: index.openapi({ param: { description: doc.index }, ...indexDoc }) };

/** The parameters of routes that only choose an index. */
export const indexQuery = z.object(indexParameter);

/** A query is like alone, vector alone, or any of the others, which a model may read together. */
function checkQuery(value: object, context: z.RefinementCtx): void {
  const names = Object.keys(value).filter((name) => (value as Record<string, unknown>)[name] !== undefined);
  const given = QUERY_KINDS.filter((kind) =>
    names.some((name) => name === kind || NAMED.some((named) => kind === named && name.startsWith(`${named}.`))),
  );
  if (given.length > 0 && loneOf(given) === undefined) return;
  const message =
    given.length === 0
      ? "Nothing to search for: give q, history, context, embedding, like or vector"
      : `expected like, vector, or any of q, history, context and embedding, got ${given.join(" and ")}`;
  context.addIssue({ code: "custom", path: ["q"], message });
}

/** In an address, what has names is several parameters: `context.device=phone`, `embedding.image=…`. */
const NAMED = ["context", "embedding"] as const;
export const NAMED_PREFIXES: readonly string[] = NAMED.map((name) => `${name}.`);

/** Takes what has names of an address together, as `POST` has it. @throws ZodError or Problem */
export function withNamed(query: z.output<typeof searchQuery>): SearchRequest {
  const entries = Object.entries(query);
  const prefixOf = (name: string) => NAMED_PREFIXES.find((prefix) => name.startsWith(prefix));
  if (!entries.some(([name]) => prefixOf(name) !== undefined)) return query;
  // From entries, because an assignment to __proto__ would be lost.
  const named = (prefix: string) => {
    const own = entries.filter(([name]) => name.startsWith(prefix));
    const members = Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
    return own.length === 0 ? undefined : members;
  };
  const others = Object.fromEntries(entries.filter(([name]) => prefixOf(name) === undefined)) as typeof query;
  const [contexts, embeddings] = NAMED_PREFIXES.map(named);
  if (embeddings !== undefined && others.embedding !== undefined)
    throw invalidRequest([{ parameter: "embedding", detail: "expected embedding or embedding.NAME, got both" }]);
  const read = z
    .object({ context, embedding: embedding.optional() })
    .parse({ context: contexts, embedding: embeddings });
  return { ...others, ...Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined)) };
}

const searchParameters = z.object({
  q: text.optional().openapi({ param: { description: doc.q }, type: "string", example: "birthday cake" }),
  like: id.optional().openapi({ param: { description: doc.like }, type: "string", example: "emoji:1f382" }),
  history: commaList(MAX_HISTORY, idFault)
    .refine((ids) => ids.length > 0, { error: "expected at least one id, got none" })
    .optional()
    .openapi({
      param: { description: `${doc.history}. ${LISTED}` },
      type: "string",
      example: "emoji:1f382,mdi:cake",
    }),
  vector: vector.optional().openapi({ param: { description: doc.vector }, type: "string" }),
  embedding: embedding.optional().openapi({
    param: { description: `${doc.embedding}. Where the model has several, each is a parameter \`embedding.NAME\`` },
    type: "string",
  }),
  mode: mode.optional().openapi({ param: { description: doc.mode } }),
  k: k.text.default(DEFAULT_K).openapi({ param: { description: doc.k }, ...kDoc }),
  nprobe: nprobe.text.optional().openapi({ param: { description: doc.nprobe }, ...nprobeDoc }),
  filter: filterUpTo(MAX_FILTER_BYTES.query)
    .optional()
    .openapi({ param: { description: doc.filter }, type: "string", example: "kind:emoji" }),
  diversity: share.text
    .default(0)
    .openapi({ param: { description: doc.diversity }, type: "number", minimum: 0, maximum: 1, default: 0 }),
  exclude: commaList(MAX_EXCLUDE, idFault)
    .default([])
    .openapi({
      param: { description: `${doc.exclude}. ${LISTED}` },
      type: "string",
      example: "emoji:1f382,mdi:cake",
    }),
  fields: commaList(MAX_FIELDS)
    .optional()
    .openapi({ param: { description: `${doc.fields}. ${LISTED}` }, type: "string", example: "set,glyph" }),
  ...indexParameter,
});

/** `GET /search?…`. Context features have names that only an index knows, so they come through as they are. */
export const searchQuery = (searchParameters.catchall(z.string()) as unknown as typeof searchParameters).superRefine(
  checkQuery,
);

/** `GET /suggest?…`. */
export const suggestQuery = z.object({
  q: textOrNone.openapi({
    param: { description: `Text so far, up to ${MAX_QUERY_BYTES} bytes of UTF-8; empty for what people search most` },
    type: "string",
    example: "birthday ca",
  }),
  k: integer(1, MAX_SUGGESTIONS)
    .text.default(DEFAULT_SUGGESTIONS)
    .openapi({
      param: { description: "Number of suggestions" },
      type: "integer",
      minimum: 1,
      maximum: MAX_SUGGESTIONS,
      default: DEFAULT_SUGGESTIONS,
    }),
  ...indexParameter,
});

const searchMembers = z.strictObject({
  q: text.optional().openapi({ description: doc.q, type: "string", example: "birthday cake" }),
  like: id.optional().openapi({ description: doc.like }),
  history: idList(MAX_HISTORY, 1).optional().openapi({ description: doc.history }),
  vector: vector
    .optional()
    .openapi({ description: doc.vector, oneOf: [{ type: "string" }, { type: "array", items: { type: "number" } }] }),
  embedding: embedding.optional().openapi({
    description: `${doc.embedding}. Where the model has several, an object of their names`,
    oneOf: [{ type: "string" }, { type: "array", items: { type: "number" } }, { type: "object" }],
  }),
  mode: mode.optional().openapi({ description: doc.mode }),
  k: k.json.default(DEFAULT_K).openapi({ description: doc.k, ...kDoc }),
  nprobe: nprobe.json.optional().openapi({ description: doc.nprobe, ...nprobeDoc }),
  filter: filterUpTo(MAX_FILTER_BYTES.body)
    .optional()
    .openapi({ description: doc.filter, type: "string", example: "kind:emoji" }),
  diversity: share.json
    .default(0)
    .openapi({ description: doc.diversity, type: "number", minimum: 0, maximum: 1, default: 0 }),
  exclude: idList(MAX_EXCLUDE).default([]).openapi({ description: doc.exclude }),
  fields: z
    .array(z.string(), { error: ({ input }) => `expected a list of names, got ${kindOf(input)}` })
    .max(MAX_FIELDS, {
      error: ({ input }) => `expected at most ${MAX_FIELDS} values, got ${(input as unknown[]).length}`,
    })
    .optional()
    .openapi({ description: doc.fields }),
  context: context.openapi({ description: doc.context, type: "object", additionalProperties: { type: "string" } }),
  index: index.openapi({ description: doc.index, ...indexDoc }),
});

/** Names of what a search can have. */
export const SEARCH_MEMBERS: ReadonlySet<string> = new Set(Object.keys(searchMembers.shape));

/** One search of `POST /search`. */
export const searchBody = searchMembers.superRefine(checkQuery).openapi("SearchRequest");

const isVector = (value: unknown) => value instanceof Float32Array && value.every(Number.isFinite);
const MADE_VECTOR = { error: "expected a Float32Array of finite numbers" };

/** A search that code made: the same, but for what is read from text. */
export const madeSearch = searchMembers
  .extend({
    vector: z.custom<Float32Array>(isVector, MADE_VECTOR).optional(),
    embedding: z
      .union([z.custom<Float32Array>(isVector), z.record(z.string(), z.custom<Float32Array>(isVector))], MADE_VECTOR)
      .optional(),
    filter: z
      .unknown()
      .transform((value, context) => {
        addFault(context, value === undefined ? undefined : filterFault(value));
        return value as Filter | undefined;
      })
      .optional(),
  })
  .superRefine(checkQuery);

function utf8Length(value: string): number {
  return new TextEncoder().encode(value).length;
}

/** What an error may name of a search, the path of an item included. */
export const PARAMETER_NAMES: ReadonlySet<string> = new Set([...SEARCH_MEMBERS, "id", "batch"]);
