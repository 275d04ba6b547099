/** The responses. The OpenAPI document and the typed client are made from these. */
import { z } from "@hono/zod-openapi";
import { MODES } from "@poeem/pq-core/words";

const idSchema = z
  .union([z.string(), z.number()])
  .openapi({ description: "Id of the item. 64-bit integers are returned as strings" });
const fieldsSchema = z.record(z.string(), z.unknown()).openapi({ description: "The item's other fields" });
const titleSchema = z.string().nullable().openapi({ description: "The item's field `title`; null when it has none" });

const confidenceSchema = z.number().min(0).max(1).nullable();
const modeSchema = z.enum(MODES).openapi({ description: "What ordered the results: codes, words, or both" });

export const searchResult = z
  .object({
    id: idSchema,
    score: z.number().openapi({
      description:
        "What the results are ordered by; larger is better. By codes (`mode` dense): the index's metric between the " +
        "query and the item's decoded vector; for a mixture, the log of the sum. By words: the share of what was " +
        "asked that the item has, 0 to 1. By both: dense · the one + words · the other, with the weights that " +
        "/version tells. An item whose id or title was asked for gets 2 · dense + words more, and so comes first",
    }),
    confidence: confidenceSchema.openapi({
      description:
        "0 to 1: whether the item is what was asked for, by its words, by its vector, or by both. Unlike a score it " +
        "means the same for every query, so it can have a threshold. null without text or words of the index",
    }),
    matched: z.array(z.string()).openapi({
      description:
        "Words of the item that the query matched, in lower case and without accents, the most telling first",
      example: ["birthday", "cake"],
    }),
    title: titleSchema,
    fields: fieldsSchema,
  })
  .openapi("SearchResult");

export const searchResponse = z
  .object({
    query: z.string().nullable().openapi({ description: "The text searched for; null for other kinds of query" }),
    indexVersion: z.string(),
    k: z.int(),
    nprobe: z.int(),
    listsProbed: z.int().openapi({ description: "Number of cells visited" }),
    codesScanned: z.int().openapi({ description: "Number of items scored by their codes" }),
    mode: modeSchema,
    confidence: confidenceSchema.openapi({
      description: "The largest of the results; 0 where a text finds nothing",
    }),
    results: z
      .array(searchResult)
      .openapi({ description: "Best first; empty when neither the model nor an item knows any part of the query" }),
  })
  .openapi("SearchResponse");

export const suggestResponse = z
  .object({
    query: z.string(),
    indexVersion: z.string(),
    suggestions: z
      .array(
        z.object({
          text: z.string().openapi({
            description:
              "The whole text, its last word finished, or a misspelt one mended; of no text, a popular query",
          }),
          items: z.int().openapi({
            description: "How many items have all its words; of frequent words, at least; 0 in an index without words",
          }),
        }),
      )
      .openapi({ description: "The most frequent first" }),
  })
  .openapi("Suggestions");

export const itemResponse = z
  .object({ id: idSchema, indexVersion: z.string(), title: titleSchema, fields: fieldsSchema })
  .openapi("Item");

export const facetsResponse = z
  .object({
    indexVersion: z.string(),
    facets: z.record(z.string(), z.record(z.string(), z.int())).openapi({
      description: "What `filter` can name: facets, their values, and how many items have each",
      example: { kind: { emoji: 1851, icon: 15840 } },
    }),
    numbers: z.array(z.string()).openapi({ description: "The numbers that `filter` can compare", example: ["year"] }),
  })
  .openapi("Facets");

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ parameter: z.string(), detail: z.string() })).optional(),
  })
  .openapi("Problem");

export const statusResponse = z.object({ status: z.literal("ok") }).openapi("Status");

export const readyResponse = z
  .object({
    status: z.literal("ready"),
    indexVersion: z.string(),
    shed: z.number().optional().openapi({
      description: "Share of searches that a setting turns away all the same; left out: none",
    }),
  })
  .openapi("Ready");

const KEPT = ["kept", "read"] as const;
const LIMIT_SCHEMAS = {
  nprobe: z.int().openapi({ description: "Cells that each query vector may visit" }),
  k: z.int().openapi({ description: "Results of one search" }),
  batch: z.int().openapi({ description: "Searches in one POST" }),
  work: z.number().openapi({ description: "Work of one request, of which a code scanned is one" }),
  reads: z.int().openapi({ description: "Operations on the store" }),
  bytes: z.int().openapi({ description: "Bytes of the answer" }),
  texts: z.int().openapi({ description: "Different texts that an encoder may be asked for" }),
  shed: z.number().openapi({ description: "Share of searches that are turned away at once" }),
};

export const versionResponse = z
  .object({
    name: z.literal("poeem-edge"),
    version: z.string().openapi({ description: "Version of the Worker's code" }),
    index: z
      .object({
        name: z.string(),
        version: z.string(),
        publishedAt: z.string(),
        formatVersion: z.int(),
        numItems: z.int(),
        dim: z.int(),
        metric: z.string(),
        nlist: z.int(),
        numSubQuantizers: z.int(),
        nbits: z.int(),
        bytesPerItem: z.number().openapi({ description: "Bytes of code per item" }),
        defaultNprobe: z.int(),
        cellsPerPage: z
          .int()
          .nullable()
          .openapi({ description: "Cells in a run that shares its pages, which nprobe counts; null: it counts cells" }),
        kernel: z.string().openapi({ description: "The build of the ADC kernel that computes scores" }),
        reads: z
          .object({
            text: z.boolean(),
            history: z
              .enum(["mixture", "mean", "attention"])
              .nullable()
              .openapi({
                description:
                  "How the model reads a history: as a mixture of its items, or pooled with text and context into " +
                  "one vector. null: it reads none, and an item scores by its nearest item of the history",
              }),
            historyLength: z.int().openapi({ description: "How many of a history's newest items the model reads" }),
            combines: z
              .boolean()
              .openapi({ description: "Whether a history can be asked together with a text and a context" }),
            contexts: z.array(z.string()).openapi({ description: "Names that context.* accepts" }),
            embeddings: z
              .array(
                z.object({
                  name: z.string(),
                  encoder: z
                    .string()
                    .nullable()
                    .openapi({ description: "The model that it was trained with, if known" }),
                  length: z.int().openapi({ description: "Numbers of a vector" }),
                  isAsked: z.boolean().openapi({ description: "Whether this server embeds q by itself" }),
                }),
              )
              .openapi({ description: "What embedding accepts; several are given by their names" }),
          })
          .openapi({ description: "What the model was trained to read" }),
        words: z
          .object({
            terms: z.int().openapi({ description: "Number of distinct words" }),
            weights: z
              .object({ dense: z.number(), words: z.number() })
              .openapi({ description: "What a score by codes and one by words count for in a hybrid search" }),
          })
          .nullable()
          .openapi({ description: "Words that a search can go by; null: none, so that codes alone order the results" }),
        memory: z
          .object({ lists: z.enum(KEPT), pages: z.enum(KEPT), filters: z.boolean(), words: z.boolean() })
          .openapi({
            description:
              "What of the index this isolate keeps, or reads when a search needs it: its lists, its pages of items. " +
              "Whether filters and words, which are used whole or not at all, are not too many to be kept",
          }),
      })
      .nullable()
      .openapi({ description: "The index being served; null until one has been loaded" }),
    refreshFailure: z
      .string()
      .nullable()
      .openapi({
        description:
          "Since when looks for a newer version have failed, and how: missing, damaged, late, unreadable or memory; " +
          "null when the last one succeeded",
        example: "missing since 2026-11-29T03:00:00.000Z",
      }),
    pointerAgeMs: z
      .int()
      .nullable()
      .openapi({ description: "How long ago the pointer of the index was last read; null when it has not been" }),
    limits: z.object(LIMIT_SCHEMAS).openapi({ description: "What one request may cost; a setting of the server" }),
  })
  .openapi("Version");
