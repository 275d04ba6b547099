/**
 * A filter as text:
 *
 *     expression = term *( "OR" term )
 *     term       = factor *( "AND" factor )
 *     factor     = "NOT" factor | "(" expression ")" | name operator value
 *     name       = a letter or "_", then letters, digits, "_", "." and "-" of any script | quoted
 *     value      = any characters but white space, quotes and parentheses | quoted
 *     quoted     = '"' any characters, with \" and \\ '"'
 *
 * The operators are those of filter.ts: `:` for a value of a facet, `>=`, `<=`, `>`, `<` and `=` for a number.
 * For example `kind:emoji AND NOT ("page type":home OR year<1990)`. Keywords are upper case; AND binds tighter than OR.
 */
import { InputError, quote } from "../errors.ts";
import { type Filter, OPERATORS } from "./filter.ts";
import { KEYWORDS, NAME_REST, PLAIN_NAME, QUOTED, quoteTerm, unescapeTerm } from "./terms.ts";

/** Of one filter; values of one facet between which OR stands are one. */
export const MAX_COMPARISONS = 64;
const MAX_DEPTH = 16;
/** Characters of a value that an error repeats. */
const MAX_SHOWN = 40;
/** What is expected where a comparison is. */
const COMPARISON = "a comparison such as kind:emoji or year>=1990";

/** Text in quotes, its inside as a group. */
const quotedAs = (group: string) => `"(?<${group}>${QUOTED})"`;
/** The longer first, where one begins as another does. */
const SPELLINGS = Object.keys(OPERATORS)
  .sort((a, b) => b.length - a.length)
  .map((spelling) => spelling.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
const TOKEN = new RegExp(
  [
    String.raw`\s*(?:(?:(?<word>${PLAIN_NAME})|${quotedAs("name")})\s*(?<operator>${SPELLINGS.join("|")})`,
    `(?<keyword>${KEYWORDS.join("|")})(?!${NAME_REST})`,
    "(?<parenthesis>[()]))",
  ].join("|"),
  "uy",
);
const VALUE = new RegExp(String.raw`\s*(?:${quotedAs("quoted")}|(?<bare>[^\s"()]+))`, "uy");
/** A comparison but for the quotes that its name needs. */
const UNQUOTED = new RegExp(`^[^"()]+?(?:${SPELLINGS.join("|")})`, "u");
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/**
 * Reads an expression into the filter that an index takes. Whether the index has the names in it is for the index to
 * say.
 *
 * @throws InputError with the character at which the expression stops making sense
 */
export function parseFilter(text: string): Filter {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #comparisons = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    const filter = this.#expression(0);
    if (this.#text.slice(this.#at).trim() !== "") this.#fail("AND, OR or the end");
    if (this.#comparisons > MAX_COMPARISONS)
      throw new InputError("filter", `expected at most ${MAX_COMPARISONS} comparisons, got ${this.#comparisons}`);
    return filter;
  }

  #expression(depth: number): Filter {
    const term = () =>
      this.#separated(
        "AND",
        () => this.#factor(depth),
        (and) => ({ and }),
      );
    return this.#separated("OR", term, (or) => this.#oneOf(or) ?? { or });
  }

  /** One part alone stays itself; several become one node. */
  #separated(keyword: string, part: () => Filter, join: (parts: Filter[]) => Filter): Filter {
    const parts = [part()];
    while (this.#peek()?.["keyword"] === keyword) {
      this.#take();
      parts.push(part());
    }
    return parts.length === 1 ? parts[0]! : join(parts);
  }

  /** Values of one facet as one comparison; undefined where the parts are something else. */
  #oneOf(parts: readonly Filter[]): Filter | undefined {
    const [first] = parts;
    if (first === undefined || !("facet" in first)) return undefined;
    const { facet } = first;
    const values: string[] = [];
    for (const part of parts) {
      if (!("facet" in part) || part.facet !== facet) return undefined;
      values.push(...part.in);
    }
    this.#comparisons -= parts.length - 1;
    return { facet, in: values };
  }

  #factor(depth: number): Filter {
    if (depth > MAX_DEPTH)
      throw new InputError("filter", `expected at most ${MAX_DEPTH} levels of parentheses and NOT`);
    const next = this.#peek();
    if (next?.["keyword"] === "NOT") {
      this.#take();
      return { not: this.#factor(depth + 1) };
    }
    if (next?.["parenthesis"] === "(") {
      this.#take();
      const inner = this.#expression(depth + 1);
      if (this.#peek()?.["parenthesis"] !== ")") this.#fail(")");
      this.#take();
      return inner;
    }
    const { word, name, operator } = next ?? {};
    if (operator === undefined) return this.#fail(COMPARISON);
    this.#take();
    return this.#comparison(word ?? unescapeTerm(name!), operator);
  }

  #comparison(name: string, spelling: string): Filter {
    this.#comparisons++;
    VALUE.lastIndex = this.#at;
    const { quoted, bare } = VALUE.exec(this.#text)?.groups ?? {};
    const text = quoted === undefined ? bare : unescapeTerm(quoted);
    if (text === undefined) return this.#fail(`a value after ${name}${spelling}`);
    const operator = OPERATORS[spelling]!;
    const isNumber = DECIMAL.test(text) && Number.isFinite(Number(text));
    if (operator.value === "number" && !isNumber) {
      const facet = `${quoteTerm(name)}:${text.length > MAX_SHOWN ? "…" : quoteTerm(text)}`;
      const hint = spelling === "=" ? `; = compares numbers, a facet is written ${facet}` : "";
      return this.#fail(`a number after ${name}${spelling}`, hint);
    }
    this.#at = VALUE.lastIndex;
    return operator.value === "number" ? operator.filter(name, Number(text)) : operator.filter(name, text);
  }

  #peek(): Record<string, string | undefined> | undefined {
    TOKEN.lastIndex = this.#at;
    return TOKEN.exec(this.#text)?.groups;
  }

  #take(): void {
    TOKEN.lastIndex = this.#at;
    TOKEN.exec(this.#text);
    this.#at = TOKEN.lastIndex;
  }

  #fail(expected: string, more = ""): never {
    const rest = this.#text.slice(this.#at).trimStart();
    const got = rest === "" ? "the end" : quote(rest, 20);
    const at = this.#text.length - rest.length + 1;
    const hint = expected === COMPARISON && UNQUOTED.test(rest) ? '; a name such as "page type" needs its quotes' : "";
    throw new InputError("filter", `expected ${expected} at character ${at}, got ${got}${hint}${more}`);
  }
}
