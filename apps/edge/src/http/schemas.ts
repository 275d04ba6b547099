/** What goes in and out over HTTP. The OpenAPI document and the typed client are made from these. */
import { z } from "@hono/zod-openapi";
import { integerParameter, textParameter } from "./parameters.ts";

export const maxQueryBytes = 512;
export const maxK = 1000;
export const defaultK = 10;
/** Above any `nlist` that a Worker could hold; the index itself says how many cells it has. */
const maxNprobe = 1_000_000;

export const searchQuery = z.object({
  q: textParameter(maxQueryBytes).openapi({
    param: { description: `Text to search for, up to ${maxQueryBytes} bytes of UTF-8` },
    type: "string",
    example: "birthday cake",
  }),
  k: integerParameter(1, maxK)
    .default(defaultK)
    .openapi({
      param: { description: "Results wanted" },
      type: "integer",
      minimum: 1,
      maximum: maxK,
      default: defaultK,
    }),
  nprobe: integerParameter(1, maxNprobe)
    .optional()
    .openapi({
      param: { description: "Cells of the index to visit, at most its nlist; left out: the index's own default" },
      type: "integer",
      minimum: 1,
    }),
});

export const searchResult = z
  .object({
    id: z.union([z.string(), z.number()]).openapi({ description: "External id; 64-bit numbers come as strings" }),
    score: z
      .number()
      .openapi({ description: "Inner product of the query with the item's decoded vector; larger is better" }),
    title: z.string().nullable(),
    fields: z
      .record(z.string(), z.unknown())
      .openapi({ description: "The other fields that the index carries for the item" }),
  })
  .openapi("SearchResult");

export const searchResponse = z
  .object({
    query: z.string(),
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
      })
      .nullable()
      .openapi({ description: "The index being served; null before the first one" }),
    refreshFailure: z.string().nullable().openapi({ description: "Why the last look for a newer index failed" }),
  })
  .openapi("Version");
