import { type Blame, check } from "../errors.ts";
import { utf8Length } from "./utf8.ts";

/** Popular queries of one index: a list to begin with, which every visitor reads. */
export const MAX_POPULAR_QUERIES = 50;
/** UTF-16 code units of one of them. */
export const MAX_POPULAR_CHARS = 80;
/** UTF-8 bytes of all of them together. */
export const MAX_POPULAR_BYTES = 4096;

/** Whether a text can be among the popular queries of an index: short, of one line, and without half a character. */
export function canBePopular(text: string): boolean {
  return text.trim() === text && text !== "" && text.length <= MAX_POPULAR_CHARS && !/\p{Cc}|\p{Cs}/u.test(text);
}

/** Throws unless they are the popular queries of an index: 1 to 50 short texts, none twice, few bytes together. */
export function checkPopularQueries(name: string, queries: unknown, blame?: Blame): void {
  const isList = Array.isArray(queries);
  const isShort = isList && queries.length >= 1 && queries.length <= MAX_POPULAR_QUERIES;
  check(isShort, name, `a list of 1 to ${MAX_POPULAR_QUERIES} texts`, isList ? queries.length : queries, blame);
  for (const [i, query] of queries.entries()) {
    const expected = `a text of one line, of 1 to ${MAX_POPULAR_CHARS} characters`;
    check(typeof query === "string" && canBePopular(query), `${name}[${i}]`, expected, query, blame);
    check(queries.indexOf(query) === i, `${name}[${i}]`, "no text twice", query, blame);
  }
  const bytes = queries.reduce((sum: number, query: string) => sum + utf8Length(query), 0);
  check(bytes <= MAX_POPULAR_BYTES, name, `at most ${MAX_POPULAR_BYTES} bytes of UTF-8`, bytes, blame);
}
