import { quote } from "@poeem/pq-core";
import { checkNames, lineError, linesOf } from "./lines.ts";

/** What one user had, in the order of the file. */
export interface ItemList {
  readonly user: string;
  readonly items: readonly string[];
  /** A number for each item, larger is later; undefined where only the order is known. */
  readonly times?: readonly number[] | undefined;
}

/**
 * Reads "user item item …", one user a line. A user without items is kept: nothing is known of them.
 *
 * @throws Error that names the file and the line
 */
export function readItemLists(file: string): ItemList[] {
  const users = new Set<string>();
  const lists: ItemList[] = [];
  for (const [at, line] of linesOf(file)) {
    const [user, ...items] = line.trim().split(/\s+/) as [string, ...string[]];
    if (users.has(user)) throw lineError(file, at, `expected one line for each user, got ${user} again`);
    checkNames(file, at, user, items);
    users.add(user);
    lists.push({ user, items });
  }
  if (lists.some(({ items }) => items.length > 0)) return lists;
  const [first] = lists;
  throw new Error(`${file}: expected lines of "user item item …", got ${first ? quote(first.user) : "none"}`);
}
