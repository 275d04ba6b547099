/** The paths, as data: methods, parameters, answers. What they do is in `app.ts`. */
import { createRoute, type z } from "@hono/zod-openapi";
import { onlyParameters } from "./parameters.ts";
import {
  problemSchema,
  readyResponse,
  searchQuery,
  searchResponse,
  statusResponse,
  versionResponse,
} from "./schemas.ts";

const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemSchema } },
});
const invalid = { 400: problem("A parameter is unknown, given twice or out of range") };
const unavailable = { 503: problem("No index has been published, or it cannot be read") };

export const searchRoute = createRoute({
  method: "get",
  path: "/search",
  summary: "Find the items nearest to a text",
  middleware: onlyParameters(Object.keys(searchQuery.shape)),
  request: { query: searchQuery },
  responses: { 200: json(searchResponse, "The best items, best first"), ...invalid, ...unavailable },
});

export const healthRoute = createRoute({
  method: "get",
  path: "/healthz",
  summary: "Whether the Worker runs",
  middleware: onlyParameters([]),
  responses: { 200: json(statusResponse, "It does"), ...invalid },
});

export const readyRoute = createRoute({
  method: "get",
  path: "/readyz",
  summary: "Whether a search would be answered",
  middleware: onlyParameters([]),
  responses: { 200: json(readyResponse, "It would"), ...invalid, ...unavailable },
});

export const versionRoute = createRoute({
  method: "get",
  path: "/version",
  summary: "What is being served",
  middleware: onlyParameters([]),
  responses: { 200: json(versionResponse, "Code and index"), ...invalid },
});
