/** Bearer tokens as settings have them: `TOKEN` opens every index, `INDEX=TOKEN` one of them. */
import { INDEX_NAME } from "@poeem/pq-core/kv";

/** A token, and the names that it opens; undefined: every one. */
export interface Token {
  readonly value: string;
  readonly indexes: ReadonlySet<string> | undefined;
}

/** What stands for every index in `*=TOKEN`, for a token that would read as a pair by itself. */
const EVERY_INDEX = "*";
/** What a header can carry after `Bearer`. */
const VISIBLE = /^[\x21-\x7e]+$/;
/** Padding, as of base64, makes no pair: something else has to follow the first equals sign. */
const PAIR = /^([^=]*)=(.*[^=].*)$/;
/** A name whose token is missing, such as a secret that is not set. */
const UNFINISHED = /^(?:[a-z0-9-]{0,40}=|\*?=+)$/;

/** What is wrong with settings of tokens: never the text of one, which may be a secret all the same. */
export interface TokenFault {
  readonly expected: string;
  readonly got: string;
}

/** The tokens that entries such as `xyz` and `books=abc` name, each once; or what is wrong with the first bad one. */
export function readTokens(entries: readonly string[]): Token[] | TokenFault {
  const found = new Map<string, Set<string>>();
  for (const entry of entries) {
    if (!VISIBLE.test(entry))
      return {
        expected: "tokens of visible ASCII characters",
        got: entry === "" ? "an empty one" : "one with other characters",
      };
    const [, name = EVERY_INDEX, value = entry] = PAIR.exec(entry) ?? [];
    const isName = name === EVERY_INDEX || INDEX_NAME.test(name);
    if (!isName || UNFINISHED.test(entry))
      return {
        expected: "TOKEN or INDEX=TOKEN, as in books=abc; *=TOKEN for any other token with an equals sign",
        got: isName ? "a name without a token" : "one that is no such pair",
      };
    const names = found.get(value) ?? new Set();
    if (names.has(name) || names.has(EVERY_INDEX) || (name === EVERY_INDEX && names.size > 0))
      return { expected: "each token once, or once for each of several indexes", got: "one twice" };
    found.set(value, names.add(name));
  }
  return [...found].map(([value, names]) => ({ value, indexes: names.has(EVERY_INDEX) ? undefined : names }));
}
