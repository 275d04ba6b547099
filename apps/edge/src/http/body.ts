/**
 * A first look at a body: lists that are too long are refused before anything looks at what is in them. Of a megabyte
 * of wrong searches or wrong ids, checking each one would cost a hundred times the search.
 */
import { MAX_CONTEXTS } from "@poeem/pq-core";
import { MAX_HISTORY } from "@poeem/towers";
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./app-env.ts";
import { invalidRequest } from "./parameters.ts";
import type { ProblemError } from "./problem.ts";
import { MAX_BATCH, MAX_EXCLUDE, MAX_FIELDS } from "./requests.ts";

/** Work of a byte of a body: it is parsed, and what it says is checked. */
const BYTE_WORK = 15;
/** Members that a search cannot have are named, as far as there are not too many. */
const MAX_MEMBERS = 40;
const JSON_TYPE = /^application\/([\w.-]+\+)?json\s*(;|$)/i;
/** Characters of a body that can hold nothing of the kind. */
const SHORT = 16_384;
const MOST: Readonly<Record<string, number>> = { history: MAX_HISTORY, exclude: MAX_EXCLUDE, fields: MAX_FIELDS };

/** @throws Problem `invalid-request` */
export const limitBody: MiddlewareHandler<AppEnv> = async function limitBody(c, next) {
  // What is no JSON is refused by who checks it next, without a look at it.
  if (!JSON_TYPE.test(c.req.header("content-type") ?? "")) return next();
  const text = await c.req.text();
  c.get("meter").add(text.length * BYTE_WORK);
  if (text.length > SHORT) {
    const body = parsed(text);
    const errors = Array.isArray(body) ? faultsOfList(body) : faultsOf(body, "");
    if (errors.length > 0) throw invalidRequest(errors);
  }
  return next();
};

/** undefined for what is no JSON: it is refused by who checks the body next. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function faultsOfList(body: readonly unknown[]): ProblemError[] {
  if (body.length > MAX_BATCH)
    return [{ parameter: "", detail: `expected at most ${MAX_BATCH} searches, got ${body.length}` }];
  return body.flatMap((search, i) => faultsOf(search, `${i}.`)).slice(0, 1);
}

function faultsOf(search: unknown, path: string): ProblemError[] {
  if (typeof search !== "object" || search === null || Array.isArray(search)) return [];
  const members = Object.entries(search);
  if (members.length > MAX_MEMBERS)
    return [{ parameter: "", detail: `expected a search of at most ${MAX_MEMBERS} members, got ${members.length}` }];
  return members.flatMap(([name, value]) => {
    const fault = faultOfMember(name, value);
    return fault === undefined ? [] : { parameter: `${path}${name}`, detail: fault };
  });
}

function faultOfMember(name: string, value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const most = Object.hasOwn(MOST, name) ? MOST[name]! : undefined;
    return most === undefined || value.length <= most
      ? undefined
      : `expected at most ${most} values, got ${value.length}`;
  }
  if (name !== "context" || typeof value !== "object" || value === null) return undefined;
  const { length } = Object.keys(value);
  return length > MAX_CONTEXTS ? `expected at most ${MAX_CONTEXTS} features, got ${length}` : undefined;
}
