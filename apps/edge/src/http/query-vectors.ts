/** From a request's parameters to the question that the towers read. */
import { InputError, type ItemId } from "@poeem/pq-core";
import type { Question } from "@poeem/towers";
import { invalidRequest } from "./parameters.ts";
import type { Problem } from "./problem.ts";
import type { SearchRequest } from "./requests.ts";

export function questionOf({ q, like, history, vector, context }: SearchRequest): Question<ItemId> {
  return { text: q, like, history, vector, context };
}

/** What HTTP calls a part of a question by another name. */
const PARAMETERS: Readonly<Record<string, string>> = { text: "q", question: "q" };

/** What a caller said wrongly, as the answer says it. */
export function problemOf({ parameter, detail }: InputError): Problem {
  return invalidRequest([{ parameter: PARAMETERS[parameter] ?? parameter, detail }]);
}

/** Runs something that throws an `InputError` where a caller is at fault. @throws Problem `invalid-request` instead */
export function withProblems<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof InputError ? problemOf(error) : error;
  }
}
