/**
 * What an index may call its items, and what they are filtered and asked by. The writer, the trainer and the Worker
 * take these limits from here, so that whatever trains and publishes can be named in a request.
 */
import { quote } from "./errors.ts";
import { utf8Length } from "./format/utf8.ts";

export const MAX_ID_BYTES = 512;
/** Of a facet, a number or a context feature, and of a column that becomes a field. */
export const MAX_NAME_BYTES = 128;
/** Of a facet or a context feature: with its name and all escapes, it fits into an expression of a filter. */
export const MAX_VALUE_BYTES = 512;
/** Context features of one model, which one question may give all at once. */
export const MAX_CONTEXTS = 16;

/** What is wrong with an id, as "expected …, got …"; undefined for one that every request can name. */
export function idFault(id: string): string | undefined {
  if (id === "") return "expected an id, got none";
  if (id === "." || id === "..")
    return `expected an id other than "." and "..", which addresses drop, got ${quote(id)}`;
  return sizeFault(id, MAX_ID_BYTES);
}

/** What is wrong with a name, see {@link MAX_NAME_BYTES}; undefined for a good one. */
export function nameFault(name: string): string | undefined {
  if (name === "") return "expected a name, got none";
  // readers of JSON in JavaScript take this member for something else, and lose it
  if (name === "__proto__") return 'expected another name than "__proto__"';
  if (/\p{Cc}/u.test(name)) return `expected no control characters such as tabs in a name, got ${quote(name)}`;
  return sizeFault(name, MAX_NAME_BYTES);
}

/** What is wrong with a value of a facet or a context feature; undefined for a good one. */
export function valueFault(value: string): string | undefined {
  return sizeFault(value, MAX_VALUE_BYTES);
}

function sizeFault(text: string, most: number): string | undefined {
  const bytes = utf8Length(text);
  if (bytes < 0) return `expected well-formed Unicode, got ${quote(text, 20)}`;
  return bytes > most ? `expected at most ${most} bytes of UTF-8, got ${bytes} (${quote(text, 20)})` : undefined;
}
