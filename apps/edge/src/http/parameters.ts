/** Checks of a request that zod alone cannot make, and the wording of those that it makes. */
import type { z } from "@hono/zod-openapi";
import { quote } from "@poeem/pq-core";
import type { MiddlewareHandler } from "hono";
import { Problem, type ProblemError } from "./problem.ts";

/** Characters of a name that an error shows. */
export const MAX_NAME_SHOWN = 40;

/** Longest URL that is parsed. The platform ends one at 16 KiB by itself, with a page of its own: this comes before. */
export const MAX_URL_BYTES = 16_000;
/** Bytes of a JSON body. */
export const MAX_BODY_BYTES = 1_048_576;
/** Errors that one answer lists. */
export const MAX_ERRORS = 10;

/**
 * Refuses parameters that a route does not have, and parameters given twice: a misspelt `nprobe` must not silently
 * search with the default. What begins with one of `prefixes` is for the route to check. Reads the names itself, as a
 * parsed object hides names such as `__proto__`.
 */
export function onlyParameters(names: readonly string[], prefixes: readonly string[] = []): MiddlewareHandler {
  const accepted = [...names, ...prefixes.map((prefix) => `${prefix}*`)].join(", ") || "no parameters";
  return function onlyParameters(c, next) {
    const counts = new Map<string, number>();
    for (const name of parameterNames(c.req.url)) counts.set(name, (counts.get(name) ?? 0) + 1);
    const errors: ProblemError[] = [];
    for (const [name, count] of counts) {
      const parameter = name.slice(0, MAX_NAME_SHOWN);
      const isKnown = names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));
      if (!isKnown) errors.push({ parameter, detail: `is unknown; this path accepts ${accepted}` });
      else if (count > 1) errors.push({ parameter, detail: `expected once, got ${count} times` });
      if (errors.length === MAX_ERRORS) break;
    }
    if (errors.length > 0) throw invalidRequest(errors);
    return next();
  };
}

/** Decoded parameter names of a URL, repeats included. Parsing the values too would cost as much as a search. */
function* parameterNames(url: string): Generator<string> {
  const start = url.indexOf("?");
  if (start < 0) return;
  const end = url.indexOf("#", start);
  for (const pair of url.slice(start + 1, end < 0 ? undefined : end).split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    // Only names that need it go through the platform's decoder, which takes care of + and of broken escapes.
    yield /[%+]/.test(name) ? ([...new URLSearchParams(name).keys()][0] ?? "") : name;
  }
}

/** One sentence for all errors, and the list of them. A detail that begins with a capital is a sentence by itself. */
export function invalidRequest(errors: readonly ProblemError[]): Problem {
  const detail = errors
    .map(({ parameter, detail }) => {
      if (/^[A-Z]/.test(detail)) return detail;
      return parameter === "" ? `The body ${detail}` : `${quote(parameter)} ${detail}`;
    })
    .join("; ");
  return new Problem("invalid-request", detail, errors);
}

/** The errors that zod found. */
export function zodErrors(error: z.ZodError): ProblemError[] {
  return error.issues
    .flatMap((issue) =>
      issue.code === "invalid_union" && issue.path.length === 0 ? issuesOfBody(issue.errors) : [issue],
    )
    .flatMap((issue) => {
      const parameter = issue.path.join(".");
      if (issue.code !== "unrecognized_keys") return [{ parameter, detail: issue.message }];
      return issue.keys.map((key) => ({
        parameter: [...issue.path, key.slice(0, MAX_NAME_SHOWN)].join("."),
        detail: "is unknown",
      }));
    })
    .slice(0, MAX_ERRORS);
}

/** A body is one search or a list of them; of the two lists of errors, those of the form that was meant. */
function issuesOfBody([single = [], list = []]: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] {
  const isList = !list.some(({ code, path }) => code === "invalid_type" && path.length === 0);
  return isList ? list : single;
}
