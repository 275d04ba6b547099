/**
 * A first look at a body, before it is parsed: a megabyte of brackets would take 80 MB, and of wrong searches or wrong
 * ids, checking each one would cost a hundred times the search.
 */
import { MAX_CONTEXTS } from "@poeem/pq-core";
import { MAX_HISTORY } from "@poeem/towers";
import type { MiddlewareHandler } from "hono";
import { chargeFor } from "./admit.ts";
import type { AppEnv } from "./app-env.ts";
import { type Container, eachContainer } from "./json-shape.ts";
import { invalidRequest, MAX_NAME_SHOWN } from "./parameters.ts";
import type { ProblemError } from "./problem.ts";
import { MAX_BATCH, MAX_EXCLUDE, MAX_FIELDS, SEARCH_MEMBERS } from "./requests.ts";

/** Work of a byte of a body: it is parsed, and what it says is checked. */
const BYTE_WORK = 15;
/** Members that a search cannot have are named, as far as there are not too many. */
const MAX_MEMBERS = 40;
/** Lists and objects of a body: more than the largest batch has. */
const MAX_CONTAINERS = 16 * MAX_BATCH;
const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;
/** Characters of a body that can hold nothing of the kind. */
const SHORT = 16_384;
const MOST: Readonly<Record<string, number>> = { history: MAX_HISTORY, exclude: MAX_EXCLUDE, fields: MAX_FIELDS };
/** What is smaller is never too much. */
const LEAST = Math.min(MAX_BATCH, MAX_MEMBERS, MAX_CONTEXTS, ...Object.values(MOST));

/** @throws Problem `invalid-request`, or `rate-limited`: a long one counts by its length */
export const limitBody: MiddlewareHandler<AppEnv> = async function limitBody(c, next) {
  // What is no JSON is refused by who checks it next, without a look at it.
  if (!JSON_TYPE.test(c.req.header("content-type") ?? "")) return next();
  const text = await c.req.text();
  const meter = c.get("meter");
  meter.add(text.length * BYTE_WORK);
  if (text.length > SHORT) await chargeFor(c, meter.work);
  if (text.length > SHORT) {
    const fault = faultOf(text);
    if (fault !== undefined) throw invalidRequest([fault]);
  }
  return next();
};

/** Of several faults the outermost, and of these the first. */
function faultOf(text: string): ProblemError | undefined {
  let fault: ProblemError | undefined;
  let depth = Number.POSITIVE_INFINITY;
  const isWhole = eachContainer(text, { least: LEAST, most: MAX_CONTAINERS }, (container) => {
    if (container.path.length >= depth) return;
    const found = faultOfContainer(container);
    if (found === undefined) return;
    fault = found;
    depth = container.path.length;
  });
  if (isWhole) return fault;
  return { parameter: "", detail: `expected at most ${MAX_CONTAINERS} lists and objects, got more` };
}

function faultOfContainer({ isList, isInList, path, size }: Container): ProblemError | undefined {
  const fault = (parameter: string, most: number, what: string) =>
    size > most ? { parameter, detail: `${what.replace("#", `${most}`)}, got ${size}` } : undefined;
  if (isList && path.length === 0) return fault("", MAX_BATCH, "expected at most # searches");
  const isSearch = path.length === (isInList ? 1 : 0);
  if (isSearch) return isList ? undefined : fault("", MAX_MEMBERS, "expected a search of at most # members");
  const name = path.at(-1)!;
  const parameter = path.join(".");
  // Names of embeddings are their own, whatever else has the same.
  if (path.length !== (isInList ? 2 : 1)) return undefined;
  if (!SEARCH_MEMBERS.has(name)) return { parameter: parameter.slice(0, MAX_NAME_SHOWN), detail: "is unknown" };
  if (isList) return Object.hasOwn(MOST, name) ? fault(parameter, MOST[name]!, "expected at most # values") : undefined;
  return name === "context" ? fault(parameter, MAX_CONTEXTS, "expected at most # features") : undefined;
}
