/** What a person in a shop would try, asked of an index of the made-up one. */
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { parseFilter } from "@poeem/pq-core";
import { openWords } from "@poeem/pq-core/words";
import { answerQuestion, openQueryTower, type Searched } from "@poeem/towers";
import type { Shop } from "../../examples/shop/src/made-up.ts";

/** One check: in how many of the tries it went well, or a figure of its own. */
export interface Check {
  readonly name: string;
  readonly right: number;
  readonly of: number;
}

const TRIES = 100;
const OTHER_SPELLINGS: Readonly<Record<string, (code: string) => string>> = {
  "as written": (code) => code,
  "lower case": (code) => code.toLowerCase(),
  "no dashes": (code) => code.toLowerCase().replace(/\W/g, ""),
  blanks: (code) => code.replace(/\W/g, " "),
};

interface Found {
  readonly ids: readonly (string | number)[];
  readonly confidence: readonly number[];
}

export async function openFolder(folder: string): Promise<Searched> {
  const index = await openIndexDirectory(folder);
  const tower = await index.queryTower();
  return { index, tower: tower && openQueryTower(tower), words: await openWords(index) };
}

export async function checkShop(searched: Searched, shop: Shop, seed: number): Promise<Check[]> {
  const { items, events, codes } = shop;
  const random = new Random(seed);
  const sample = (numbers: readonly number[]): number[] =>
    Array.from(random.permutation(numbers.length).slice(0, TRIES), (at) => numbers[at]!);
  const ask = async (text: string, filter?: string): Promise<Found> => {
    const found = await answerQuestion(searched, { text }, { k: 10, ...(filter && { filter: parseFilter(filter) }) });
    if (found === undefined) return { ids: [], confidence: [] };
    const ids = (await searched.index.items(found.ordinals)).map(({ id }) => id as string | number);
    return { ids, confidence: Array.from(found.confidence) };
  };
  const first = async (name: string, numbers: readonly number[], text: (item: number) => string): Promise<Check> => {
    let right = 0;
    for (const number of numbers) if ((await ask(text(number))).ids[0] === items[number]!.id) right++;
    return { name, right, of: numbers.length };
  };

  const form = (text: string): string => text.toLowerCase().replace(/\W/g, "");
  const asked = events.map(({ query }) => form(query)).join("\n");
  const unseen = [...codes.keys()].filter((item) => codes[item] !== undefined && !asked.includes(form(codes[item]!)));
  const titles = new Set(events.map(({ query }) => query.toLowerCase()));
  const untold = [...items.keys()].filter((item) => !titles.has(items[item]!.title.toLowerCase()));

  const checks: Check[] = [];
  const coded = sample(unseen);
  for (const [spelling, spell] of Object.entries(OTHER_SPELLINGS))
    checks.push(await first(`codes of no event, ${spelling}`, coded, (item) => spell(codes[item]!)));
  checks.push(await first("titles of no event", sample(untold), (item) => items[item]!.title));
  checks.push(await first("ids", sample([...items.keys()]), (item) => items[item]!.id));
  checks.push(await checkColours(shop, ask));
  const nonsense = Array.from({ length: TRIES }, () =>
    Array.from({ length: 9 }, (_, i) => (i % 2 ? "qxzj" : "vkwq")[random.integer(4)]).join(""),
  );
  const isUnsure = async (text: string): Promise<boolean> => !((await ask(text)).confidence[0]! >= 0.5);
  let unsure = 0;
  for (const word of nonsense) if (await isUnsure(word)) unsure++;
  checks.push({ name: "unknown words: no result, or confidence below .5", right: unsure, of: TRIES });
  let sure = 0;
  const known = sample([...items.keys()]).map((item) => `${items[item]!.colour} ${items[item]!.kind}`);
  for (const text of known) if (!(await isUnsure(text))) sure++;
  checks.push({ name: "a colour and a kind: confidence of .5 or more", right: sure, of: known.length });
  return checks;
}

/**
 * "red jacket" among jackets, for every colour of every kind that there is. An item of another colour is right only
 * where people who asked for red took it.
 */
async function checkColours(
  { items, events }: Shop,
  ask: (text: string, filter?: string) => Promise<Found>,
): Promise<Check> {
  const colourOf = new Map(items.map(({ id, colour }) => [id as string | number, colour]));
  const pairs = [...new Set(items.map(({ colour, kind }) => `${colour}\t${kind}`))].map((pair) => pair.split("\t"));
  const isTaken = (item: string | number | undefined, colour: string): boolean =>
    events.some((event) => event.item === item && event.query.toLowerCase().split(" ").includes(colour));
  let right = 0;
  for (const [colour, kind] of pairs) {
    const { ids } = await ask(`${colour} ${kind}`, `kind:${kind}`);
    if (colourOf.get(ids[0]!) === colour || isTaken(ids[0], colour!)) right++;
  }
  return { name: '"red jacket" among jackets, every colour and kind: a red one first', right, of: pairs.length };
}
