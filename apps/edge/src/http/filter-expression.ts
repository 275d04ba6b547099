/**
 * The language of `filter=`:
 *
 *     expression = term *( "OR" term )
 *     term       = factor *( "AND" factor )
 *     factor     = "NOT" factor | "(" expression ")" | facet ":" value | number ( ">=" | "<=" | ">" | "<" | "=" ) decimal
 *     value      = any characters but white space, quotes and parentheses | '"' any, with \" and \\ '"'
 *
 * For example `kind:emoji AND NOT (category:flags OR year<1990)`. Keywords are upper case; AND binds tighter than OR.
 */
import type { Filter } from "@poeem/pq-core";

export const maxFilterBytes = 2000;
const maxComparisons = 64;
const maxDepth = 16;

const token =
  /\s*(?:(?<word>[A-Za-z_][\w.-]*)\s*(?<operator>:|>=|<=|>|<|=)|(?<keyword>AND|OR|NOT)(?![\w.-])|(?<parenthesis>[()]))/y;
const value = /\s*(?:"(?<quoted>(?:[^"\\]|\\["\\])*)"|(?<bare>[^\s"()]+))/y;

/** What is wrong with an expression, and where. */
export class FilterSyntaxError extends Error {
  override readonly name = "FilterSyntaxError";
}

/**
 * Reads an expression into the filter that an index takes. Whether the index has the names in it is for the index to say.
 * @throws FilterSyntaxError with the character at which the expression stops making sense
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
    return filter;
  }

  #expression(depth: number): Filter {
    const term = () =>
      this.#separated(
        "AND",
        () => this.#factor(depth),
        (and) => ({ and }),
      );
    return this.#separated("OR", term, (or) => ({ or }));
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

  #factor(depth: number): Filter {
    if (depth > maxDepth) throw new FilterSyntaxError(`expected at most ${maxDepth} levels of parentheses and NOT`);
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
    const { word, operator } = next ?? {};
    if (word === undefined || operator === undefined)
      return this.#fail("a comparison such as kind:emoji or year>=1990");
    this.#take();
    return this.#comparison(word, operator);
  }

  #comparison(name: string, operator: string): Filter {
    if (++this.#comparisons > maxComparisons)
      throw new FilterSyntaxError(`expected at most ${maxComparisons} comparisons`);
    value.lastIndex = this.#at;
    const { quoted, bare } = value.exec(this.#text)?.groups ?? {};
    const text = quoted?.replace(/\\(["\\])/g, "$1") ?? bare;
    if (text === undefined) return this.#fail(`a value after ${name}${operator}`);
    if (operator === ":") {
      this.#at = value.lastIndex;
      return { facet: name, in: [text] };
    }
    const bound = Number(text);
    if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) || !Number.isFinite(bound))
      return this.#fail(`a number after ${name}${operator}`);
    this.#at = value.lastIndex;
    return numberFilter(name, operator, bound);
  }

  #peek(): Record<string, string | undefined> | undefined {
    token.lastIndex = this.#at;
    return token.exec(this.#text)?.groups;
  }

  #take(): void {
    token.lastIndex = this.#at;
    token.exec(this.#text);
    this.#at = token.lastIndex;
  }

  #fail(expected: string): never {
    const rest = this.#text.slice(this.#at).trimStart();
    const got = rest === "" ? "the end" : JSON.stringify(rest.length > 20 ? `${rest.slice(0, 20)}…` : rest);
    throw new FilterSyntaxError(`expected ${expected} at character ${this.#text.length - rest.length + 1}, got ${got}`);
  }
}

/** An index knows closed ranges; a strict bound takes its own value out again. */
function numberFilter(name: string, operator: string, bound: number): Filter {
  const exactly: Filter = { number: name, min: bound, max: bound };
  switch (operator) {
    case ">=":
      return { number: name, min: bound };
    case "<=":
      return { number: name, max: bound };
    case ">":
      return { and: [{ number: name, min: bound }, { not: exactly }] };
    case "<":
      return { and: [{ number: name, max: bound }, { not: exactly }] };
    default:
      return exactly;
  }
}
