/** From a request's parameters to the question that the towers read, and from their refusal back to a parameter. */
import type { InputError, ItemId } from "@poeem/pq-core";
import type { Question } from "@poeem/towers";
import { invalidRequest } from "./parameters.ts";
import type { Problem } from "./problem.ts";
import type { SearchRequest } from "./requests.ts";

/** What a request asks, as `questionVectors` takes it. */
export function questionOf({ q, like, history, vector, context, embedding }: SearchRequest): Question<ItemId> {
  return { text: q, like, history, vector, context, embedding };
}

/** Parts of a question that have another name in HTTP. */
const PARAMETERS: Readonly<Record<string, string>> = { text: "q", question: "q" };

/** What a caller got wrong, as a problem that names the parameter. */
export function problemOf({ parameter, detail }: InputError): Problem {
  return invalidRequest([{ parameter: PARAMETERS[parameter] ?? parameter, detail }]);
}
