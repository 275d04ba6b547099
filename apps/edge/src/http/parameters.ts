/** Query parameters: what zod alone cannot say clearly. */
import { z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import { Problem, type ProblemError } from "./problem.ts";

/** Bytes of an address that are read: room for a `q` of 10 kB, percent-encoded, to be told that it is too long. */
export const maxUrlBytes = 32_768;

/** Whole number written in decimal digits, without sign, point or exponent. */
export function integerParameter(min: number, max: number) {
  const message = `expected a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, { error: ({ input }) => `${message}, got ${show(String(input))}` })
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: ({ input }) => `${message}, got ${input}` });
}

/** Text that is not blank, up to `maxBytes` of UTF-8. */
export function textParameter(maxBytes: number) {
  return z
    .string({ error: "is missing" })
    .transform((text) => text.trim())
    .refine((text) => text !== "", { error: "expected some text, got none" })
    .refine((text) => utf8Length(text) <= maxBytes, {
      error: ({ input }) => `expected at most ${maxBytes} bytes of UTF-8, got ${utf8Length(String(input))}`,
    });
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A value as a message shows it: quoted, cut short. */
export function show(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}

/**
 * Refuses parameters that a route does not have, and parameters given twice: a misspelt `nprobe` must not silently
 * search with the default. Reads the names itself, because a parsed object hides names such as `__proto__`.
 */
export function onlyParameters(names: readonly string[]): MiddlewareHandler {
  return async function onlyParameters(c, next) {
    const counts = new Map<string, number>();
    for (const name of new URL(c.req.url).searchParams.keys()) counts.set(name, (counts.get(name) ?? 0) + 1);
    const errors: ProblemError[] = [];
    for (const [name, count] of counts) {
      const parameter = name.slice(0, 40);
      if (!names.includes(name))
        errors.push({ parameter, detail: `is unknown; this path takes ${names.join(", ") || "none"}` });
      else if (count > 1) errors.push({ parameter, detail: `expected once, got ${count} times` });
      if (errors.length === 10) break;
    }
    if (errors.length > 0) throw invalidRequest(errors);
    await next();
  };
}

/** One sentence over all errors, and the list of them. */
export function invalidRequest(errors: readonly ProblemError[]): Problem {
  return new Problem(
    "invalid-request",
    errors.map(({ parameter, detail }) => `${show(parameter)} ${detail}`).join("; "),
    errors,
  );
}

/** The errors that zod found in the parameters. */
export function zodErrors(error: z.ZodError): ProblemError[] {
  return error.issues.map((issue) => ({ parameter: issue.path.join("."), detail: issue.message }));
}
