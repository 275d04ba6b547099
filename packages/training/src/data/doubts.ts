import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import type { PoeemConfig } from "../config.ts";
import { categoriesOf } from "./item-features.ts";
import { textOfItem } from "./item-texts.ts";
import type { RawData } from "./types.ts";

/** Fewer values than this may well be all different. */
const LEAST_DOUBTED = 10;
/** As many that are all different are no categories. */
const LEAST_REFUSED = 51;
/** Share of a column that has to look like something else. */
const DOUBTED_SHARE = 0.9;
/** ASCII with a digit and no blank, or an address: A-1234, a UUID, https://… Han and Thai have no blanks either. */
const ID = /^(?=.*\d)[!-~]+$|^https?:\/\/\S+$/;

/**
 * Columns that are probably not what the configuration takes them for, one line each.
 *
 * - `items.categories`: at least 10 items have a value, and 90 % of them share none with another item.
 * - `items.text`: at least 10 items have a value, and 90 % of the values are ids, each another one.
 *
 * @param queries texts of the training queries
 * @throws UserError where such a column cannot help at all: more than 50 items whose categories are all different; ids
 *   that are the only text of the items, none of which a training query names
 */
export function describeDoubts(
  raw: Pick<RawData, "items">,
  config: Pick<PoeemConfig, "items">,
  queries: readonly string[],
): string[] {
  const { text, textFromEvents, categories } = config.items;
  const ids = text.filter((name) => holdsIds(raw, name));
  if (ids.length > 0 && ids.length === text.length && !textFromEvents && queries.length > 0) {
    if (!anyAskedFor(raw, ids, queries)) {
      throw new UserError(
        `items.text: ${ids.join(", ")} holds ids, none of which is in a training query: expected a column of words, ` +
          "or items.textFromEvents",
      );
    }
  }
  return [
    ...categories.flatMap((name) => doubtfulCategories(raw, name) ?? []),
    ...ids.map((name) => `items.text: ${name} looks like ids: words that no two items have in common`),
  ];
}

function doubtfulCategories({ items }: Pick<RawData, "items">, name: string): string | undefined {
  const uses = new Map<string, number>();
  const lists = Array.from({ length: items.count }, (_, item) => categoriesOf(items, [name], item));
  for (const list of lists) for (const value of list) uses.set(value, (uses.get(value) ?? 0) + 1);
  const having = lists.filter((list) => list.length > 0);
  const alone = having.filter((list) => list.every((value) => uses.get(value) === 1)).length;
  if (having.length < LEAST_DOUBTED || alone < DOUBTED_SHARE * having.length) return undefined;
  const doubt =
    `items.categories: ${formatCount(alone)} of ${formatCount(having.length)} items have a ${name} that no other ` +
    "item has";
  if (alone === having.length && having.length >= LEAST_REFUSED) {
    throw new UserError(
      `${doubt}: expected categories that items have in common; words belong in items.text, numbers in items.inputs`,
    );
  }
  return `${doubt}: it says little about them`;
}

function holdsIds({ items }: Pick<RawData, "items">, name: string): boolean {
  const values: string[] = [];
  for (let item = 0; item < items.count; item++) {
    const value = textOfItem(items, [name], item).trim();
    if (value !== "") values.push(value);
  }
  const ids = values.filter((value) => ID.test(value));
  return values.length >= LEAST_DOUBTED && new Set(ids).size >= DOUBTED_SHARE * values.length;
}

/** Ids in a query are told whatever their case. */
const folded = (text: string): string => text.normalize("NFKC").toLowerCase();

/** Whether any query has one of these ids. */
function anyAskedFor({ items }: Pick<RawData, "items">, names: readonly string[], queries: readonly string[]): boolean {
  const asked = new Set(queries.flatMap((query) => folded(query).split(/\s+/)));
  for (const name of names)
    for (let item = 0; item < items.count; item++)
      if (asked.has(folded(textOfItem(items, [name], item).trim()))) return true;
  return false;
}
