/** The paths, as data: methods, parameters, answers. What they do is in `app.ts`. */
import { createRoute, z } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { limitBody } from "./body.ts";
import { FALLBACK_HEADER } from "./embedded.ts";
import { authorize, authorizeByHook, doors, guardNamedProbe, keepBody } from "./middleware.ts";
import { MAX_BODY_BYTES, onlyParameters } from "./parameters.ts";
import { Problem } from "./problem.ts";
import {
  idText,
  indexQuery,
  MAX_BATCH,
  MAX_BATCH_RESULTS,
  NAMED_PREFIXES,
  searchBody,
  searchQuery,
  suggestQuery,
} from "./requests.ts";
import {
  facetsResponse,
  itemResponse,
  problemSchema,
  readyResponse,
  searchResponse,
  statusResponse,
  suggestResponse,
  versionResponse,
} from "./responses.ts";
import { shedLoad } from "./shed.ts";

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
const fallback = {
  [FALLBACK_HEADER]: {
    description: "encoder: it did not answer in time, and q was answered by words or by the model's own reading of it",
    schema: { type: "string" as const },
  },
};
const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemSchema } },
});
const invalid = { 400: problem("A parameter is missing, unknown, repeated or out of range, or all costs too much") };
const unavailable = { 503: problem("No index has been published, it or q cannot be read, or there is too much to do") };
const unknownIndex = { 404: problem("No index has this name") };
const notModified = { 304: { description: "The client already has this answer: If-None-Match names its ETag" } };
const guarded = {
  401: problem("Tokens are configured and the request carries none of them"),
  429: problem("The client exceeds the configured rate limit"),
};
const security = [{ token: [] }, {}];

export const searchRoute = createRoute({
  method: "get",
  path: "/search",
  tags: ["search"],
  security,
  summary: "Find the items that fit a text, an item, a history or a vector best",
  description:
    "q, embedding, history and context can be combined as far as the model of the index reads them together. " +
    "Each context feature is a parameter `context.NAME`, such as `context.device=phone`; other names than words are " +
    "percent-encoded, as in `context.page%20type=home`.",
  middleware: [shedLoad, ...doors, onlyParameters(Object.keys(searchQuery.shape), NAMED_PREFIXES)] as const,
  request: { query: searchQuery },
  responses: {
    200: { ...json(searchResponse, "The best items, best first"), headers: fallback },
    ...notModified,
    ...invalid,
    ...guarded,
    ...unknownIndex,
    ...unavailable,
  },
});

export const searchManyRoute = createRoute({
  method: "post",
  path: "/search",
  tags: ["search"],
  security,
  summary: "The same search as JSON: one, or a list",
  description:
    `A list holds up to ${MAX_BATCH} searches, whose k add up to at most ${MAX_BATCH_RESULTS}. ` +
    "They are answered in order, from one version of the index.",
  middleware: [
    shedLoad,
    authorize,
    // Before the hook, which may read the body.
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new Problem("body-too-large", `The body expected at most ${MAX_BODY_BYTES} bytes`);
      },
    }),
    keepBody,
    authorizeByHook,
    onlyParameters([]),
    limitBody,
  ] as const,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.union([
            searchBody,
            z
              .array(searchBody)
              .min(1, { error: "expected at least one search, got an empty list" })
              .max(MAX_BATCH, {
                error: ({ input }) => `expected at most ${MAX_BATCH} searches, got ${(input as unknown[]).length}`,
              }),
          ]),
        },
      },
    },
  },
  responses: {
    200: {
      ...json(
        z.union([searchResponse, z.array(searchResponse)]),
        "The answer, or a list of answers to a list of searches",
      ),
      headers: fallback,
    },
    ...invalid,
    ...guarded,
    ...unknownIndex,
    413: problem(`The body is larger than ${MAX_BODY_BYTES} bytes`),
    415: problem("The body is not application/json"),
    ...unavailable,
  },
});

export const suggestRoute = createRoute({
  method: "get",
  path: "/suggest",
  tags: ["search"],
  security,
  summary: "How a text could go on, from the words of the index",
  description:
    "For a field that searches as one types: the last word finished, or a misspelt one mended. While it is empty, " +
    "the most frequent queries of the training, if the index has them.",
  middleware: [shedLoad, ...doors, onlyParameters(Object.keys(suggestQuery.shape))] as const,
  request: { query: suggestQuery },
  responses: {
    200: json(suggestResponse, "Texts to search for, the most frequent first"),
    ...notModified,
    ...invalid,
    ...guarded,
    ...unknownIndex,
    ...unavailable,
  },
});

export const itemRoute = createRoute({
  method: "get",
  path: "/items/{id}",
  tags: ["items"],
  security,
  summary: "One item and its fields",
  middleware: [...doors, onlyParameters(["index"])] as const,
  request: {
    query: indexQuery,
    params: z.object({
      id: idText.openapi({ param: { description: "Id of the item, percent-encoded" }, example: "emoji:1f382" }),
    }),
  },
  responses: {
    200: json(itemResponse, "The item"),
    ...notModified,
    ...invalid,
    ...guarded,
    404: problem("No item has this id, or no index has this name"),
    ...unavailable,
  },
});

export const facetsRoute = createRoute({
  method: "get",
  path: "/facets",
  tags: ["items"],
  security,
  summary: "What filter can name: the facets of the index, with the number of items for each value, and its numbers",
  middleware: [...doors, onlyParameters(["index"])] as const,
  request: { query: indexQuery },
  responses: {
    200: json(facetsResponse, "All facets and numbers"),
    ...notModified,
    ...invalid,
    ...guarded,
    ...unknownIndex,
    ...unavailable,
  },
});

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  tags: ["operation"],
  summary: "Whether the Worker is running",
  middleware: onlyParameters([]),
  responses: { 200: json(statusResponse, "The Worker is running."), ...invalid },
});

export const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  tags: ["operation"],
  summary: "Whether a search would be answered now",
  middleware: [onlyParameters(["index"]), ...guardNamedProbe] as const,
  request: { query: indexQuery },
  responses: {
    200: json(readyResponse, "A search would be answered now."),
    ...invalid,
    ...guarded,
    ...unknownIndex,
    ...unavailable,
  },
});

export const versionRoute = createRoute({
  method: "get",
  path: "/version",
  tags: ["operation"],
  summary: "What is being served",
  middleware: [onlyParameters(["index"]), ...guardNamedProbe] as const,
  request: { query: indexQuery },
  responses: {
    200: json(versionResponse, "Version of the code, and facts about the index"),
    ...invalid,
    ...guarded,
    ...unknownIndex,
    ...unavailable,
  },
});
