import { linesOf } from "./lines.ts";

/** What one user had, in the order of the file. */
export interface ItemList {
  readonly user: string;
  readonly items: readonly string[];
  /** A number for each item, larger is later; undefined where only the order is known. */
  readonly times?: readonly number[] | undefined;
}

/** Reads "user item item …", one user a line. A user without items is kept: nothing is known of them. */
export function readItemLists(file: string): ItemList[] {
  const users = new Set<string>();
  return linesOf(file).map((line, at) => {
    const [user, ...items] = line.trim().split(/\s+/) as [string, ...string[]];
    if (users.has(user)) throw new Error(`${file}:${at + 1} expected one line for each user, got ${user} again`);
    users.add(user);
    return { user, items };
  });
}
