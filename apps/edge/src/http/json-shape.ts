/** Lists and objects of a text of JSON, without parsing it: how long they are, and where. Takes next to no memory. */

/** A list or an object. */
export interface Container {
  readonly isList: boolean;
  /** Whether the outermost one is a list. */
  readonly isInList: boolean;
  /** Names of members and places in lists that lead to it. */
  readonly path: readonly string[];
  /** Values of the list, members of the object. */
  readonly size: number;
}

interface Level {
  isList: boolean;
  commas: number;
  isEmpty: boolean;
  /** Of the member that was begun last: where its name stands, in quotes. */
  nameAt: number;
  nameEnd: number;
}

/** A list of searches, a search, a value of a member of it; what lies deeper is counted, and nothing else. */
const MAX_DEPTH = 3;
const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACE = 0x20;

/**
 * Gives `take` those that lie no deeper than a value of a search, when they end; where the text ends before, they end
 * there. Whether the text is JSON is for others to say.
 * @param least size of those that are given
 * @param most of them in all
 * @returns whether there are no more, else the rest is not looked at
 */
export function eachContainer(
  text: string,
  { least, most }: { readonly least: number; readonly most: number },
  take: (container: Container) => void,
): boolean {
  const levels: Level[] = Array.from({ length: MAX_DEPTH }, () => ({
    ...{ isList: false, commas: 0, isEmpty: true, nameAt: 0, nameEnd: 0 },
  }));
  let depth = 0;
  let containers = 0;
  const close = () => {
    const level = levels[--depth];
    const size = level === undefined || level.isEmpty ? 0 : level.commas + 1;
    if (level === undefined || size < least) return;
    const path = levels.slice(0, depth).map((one) => (one.isList ? `${one.commas}` : nameOf(text, one)));
    take({ isList: level.isList, isInList: levels[0]!.isList, path, size });
  };
  let isName = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c <= SPACE) continue;
    const level = depth <= MAX_DEPTH ? levels[depth - 1] : undefined;
    if (c === CLOSE_LIST || c === CLOSE_OBJECT) {
      if (depth > 0) close();
      continue;
    }
    if (level !== undefined) level.isEmpty = false;
    if (c === QUOTE) {
      const start = i;
      i = endOfString(text, start);
      if (level !== undefined && isName) [level.nameAt, level.nameEnd] = [start, i + 1];
    } else if (c === COMMA) {
      if (level !== undefined) level.commas++;
      isName = level?.isList === false;
    } else if (c === COLON) isName = false;
    else if (c === OPEN_LIST || c === OPEN_OBJECT) {
      if (++containers > most) return false;
      isName = c === OPEN_OBJECT;
      const inner = levels[depth++];
      if (inner !== undefined) [inner.isList, inner.commas, inner.isEmpty] = [!isName, 0, true];
    }
  }
  while (depth > 0) close();
  return true;
}

/** The place of the quote that ends a string; the end of the text where none does. */
function endOfString(text: string, start: number): number {
  for (let end = start + 1; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === QUOTE) return end;
    if (c === BACKSLASH) end++;
  }
  return text.length;
}

function nameOf(text: string, { nameAt, nameEnd }: Level): string {
  try {
    return String(JSON.parse(text.slice(nameAt, nameEnd)));
  } catch {
    return "";
  }
}
