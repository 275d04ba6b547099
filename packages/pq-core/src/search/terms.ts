/** The words of a filter's expression: names and values, plain or in quotes. */
export const KEYWORDS = ["AND", "OR", "NOT"];
/** What follows the first letter of a plain name, and what may therefore not follow a keyword. */
export const NAME_REST = String.raw`[\p{L}\p{M}\p{N}_.-]`;
export const PLAIN_NAME = String.raw`[\p{L}_]${NAME_REST}*`;
const PLAIN = /* @__PURE__ */ new RegExp(`^${PLAIN_NAME}$`, "u");

/** A name or a value as an expression has it: in quotes, unless it is a plain word. */
export function quoteTerm(text: string): string {
  const isPlain = PLAIN.test(text) && !KEYWORDS.includes(text);
  return isPlain ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** What stands between the quotes of a term. */
export const QUOTED = String.raw`(?:[^"\\]|\\["\\])*`;

/** The text that stood in quotes. */
export function unescapeTerm(text: string): string {
  return text.replace(/\\(["\\])/g, "$1");
}
