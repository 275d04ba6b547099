/** What comes back. The OpenAPI document and the typed client are made from these. */
import { z } from "@hono/zod-openapi";

const idSchema = z
  .union([z.string(), z.number()])
  .openapi({ description: "External id; 64-bit numbers come as strings" });
const fieldsSchema = z
  .record(z.string(), z.unknown())
  .openapi({ description: "The other fields that the index carries for the item" });
const titleSchema = z
  .string()
  .nullable()
  .openapi({ description: "The field of that name; null when the item has none" });

export const searchResult = z
  .object({
    id: idSchema,
    score: z.number().openapi({
      description:
        "By the index's metric, of the query with the item's decoded vector; for a mixture, the logarithm of its sum. Larger is better",
    }),
    title: titleSchema,
    fields: fieldsSchema,
  })
  .openapi("SearchResult");

export const searchResponse = z
  .object({
    query: z.string().nullable().openapi({ description: "The text searched for; null for the other kinds of query" }),
    indexVersion: z.string(),
    k: z.int(),
    nprobe: z.int(),
    listsProbed: z.int().openapi({ description: "Cells visited" }),
    codesScanned: z.int().openapi({ description: "Items scored" }),
    results: z
      .array(searchResult)
      .openapi({ description: "Best first; none when no part of the query is known to the model" }),
  })
  .openapi("SearchResponse");

export const itemResponse = z
  .object({ id: idSchema, indexVersion: z.string(), title: titleSchema, fields: fieldsSchema })
  .openapi("Item");

export const facetsResponse = z
  .object({
    indexVersion: z.string(),
    facets: z.record(z.string(), z.record(z.string(), z.int())).openapi({
      description: "What `filter` can name: facet, value, number of items",
      example: { kind: { emoji: 1851, icon: 15840 } },
    }),
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

export const readyResponse = z.object({ status: z.literal("ready"), indexVersion: z.string() }).openapi("Ready");

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
        bytesPerItem: z.number().openapi({ description: "Bytes of code an item" }),
        defaultNprobe: z.int(),
        kernel: z.string().openapi({ description: "Which build of the ADC kernel scores" }),
        reads: z
          .object({
            text: z.boolean(),
            history: z.enum(["mixture", "mean", "attention"]).nullable().openapi({
              description:
                "How the model reads a history: as a mixture of its items, or pooled together with text and context. null: not at all, so that an item scores by the nearest item of the history",
            }),
            historyLength: z.int().openapi({ description: "Newest items of a history that the model reads" }),
            contexts: z.array(z.string()).openapi({ description: "Names for context.*" }),
          })
          .openapi({ description: "What the model was trained to read" }),
      })
      .nullable()
      .openapi({ description: "The index being served; null before the first one" }),
    refreshFailure: z.string().nullable().openapi({ description: "Why the last look for a newer index failed" }),
  })
  .openapi("Version");
