/**
 * A made-up shop: products with a brand, kind, colour, material and size, most with a code in the title, and what
 * people searched before they took one. All from a seed.
 */
import { Random } from "@poeem/indexing-layer";

/** What kinds of one group share: materials and sizes. */
export type Group = "wear" | "home" | "tool";

export interface Product {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly brand: string;
  readonly kind: string;
  readonly group: Group;
  readonly colour: string;
  readonly material: string;
  readonly size: string;
  readonly price: number;
}

export interface Shop {
  readonly items: readonly Product[];
  readonly events: readonly { readonly query: string; readonly item: string }[];
  /** The code of each product, in the order of the items; undefined for those without. */
  readonly codes: readonly (string | undefined)[];
}

export interface ShopOptions {
  readonly items: number;
  readonly events: number;
  readonly seed: number;
}

/** Of all products, those with a code in the title. */
const CODED = 0.85;
/** Products whose codes and exact titles nobody searches for. */
const QUIET = 0.5;
/** Of all searches, those that lead to the product that was meant; others to another of its kind. */
const FAITHFUL = 0.85;

const listOf = (text: string): string[] => text.split(" ");
const BRANDS = listOf(
  "Nordvik Halden Brightsea Orlo Kastel Fennimore Tarn Wexley Lumio Petrov Asagi Montclair Rovina Skarn Dunmore " +
    "Ellery Garde Hollis Ivarsson Juniper Kowalski Larkspur Marlowe Nyström Okapi Pinecrest Quill Riverton Sable Tessa",
);
export const COLOURS = listOf("red blue green black white grey yellow orange purple brown pink beige");
const SIZES: Readonly<Record<Group, readonly string[]>> = {
  wear: listOf("XS S M L XL XXL"),
  home: ["20 cm", "30 cm", "45 cm", "60 cm", "90 cm", "120 cm"],
  tool: ["250 W", "500 W", "12 V", "18 V", "24 V", "1200 W"],
};
const MATERIALS: Readonly<Record<Group, readonly string[]>> = {
  wear: listOf("wool cotton linen leather fleece denim silk"),
  home: listOf("oak pine steel glass ceramic bamboo linen"),
  tool: listOf("steel aluminium carbon titanium plastic"),
};
/** What is sold, and what else people call it. */
export const KINDS: readonly (readonly [kind: string, group: Group, ...others: string[]])[] = [
  ["jacket", "wear", "coat"],
  ["trousers", "wear", "pants"],
  ["sweater", "wear", "jumper", "pullover"],
  ["shirt", "wear", "top"],
  ["shoes", "wear", "sneakers"],
  ["boots", "wear", "footwear"],
  ["scarf", "wear", "shawl"],
  ["gloves", "wear", "mittens"],
  ["hat", "wear", "cap"],
  ["socks", "wear", "stockings"],
  ["dress", "wear", "gown"],
  ["backpack", "wear", "rucksack"],
  ["lamp", "home", "light"],
  ["chair", "home", "seat"],
  ["table", "home", "desk"],
  ["shelf", "home", "bookcase"],
  ["rug", "home", "carpet"],
  ["curtain", "home", "drape"],
  ["mirror", "home", "looking glass"],
  ["vase", "home", "flower pot"],
  ["bowl", "home", "dish"],
  ["kettle", "home", "teapot"],
  ["pillow", "home", "cushion"],
  ["blanket", "home", "throw"],
  ["drill", "tool", "driver"],
  ["saw", "tool", "cutter"],
  ["hammer", "tool", "mallet"],
  ["ladder", "tool", "steps"],
  ["wrench", "tool", "spanner"],
  ["torch", "tool", "flashlight"],
];
const DETAILS = [
  "Made for years of use.",
  "Light and easy to care for.",
  "A favourite of our customers since the first day.",
  "Tested by hand in our own workshop.",
  "Comes in a recycled box.",
  "Goes well with everything.",
];

export function makeShop({ items: count, events, seed }: ShopOptions): Shop {
  const random = new Random(seed);
  const pick = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const titles = new Set<string>();
  const known = new Set<string>();
  const items: Product[] = [];
  const codes: (string | undefined)[] = [];
  while (items.length < count) {
    const [kind, group] = pick(KINDS);
    const [brand, colour, material, size] = [pick(BRANDS), pick(COLOURS), pick(MATERIALS[group]!), pick(SIZES[group]!)];
    const name = `${brand} ${material} ${kind} ${colour} ${size}`;
    const code = random.uniform() < CODED ? codeOf(random, known) : undefined;
    const title = code === undefined ? name : `${name} ${code}`;
    if (titles.has(title)) continue;
    titles.add(title);
    codes.push(code);
    items.push({
      ...{ id: `P-${String(10_000 + items.length * 7)}`, title, brand, kind, group, colour, material, size },
      description: `${colour} ${kind} of ${material} by ${brand}. ${pick(DETAILS)}`,
      price: 5 + random.integer(400),
    });
  }
  return { items, events: searches(items, codes, events, random), codes };
}

/** A code as shops write them, in several styles; none twice. */
function codeOf(random: Random, known: Set<string>): string {
  const letters = (n: number): string =>
    Array.from({ length: n }, () => String.fromCharCode(65 + random.integer(26))).join("");
  const digits = (n: number): string => String(random.integer(10 ** n)).padStart(n, "0");
  for (;;) {
    const styles = [
      () => `${letters(2)}-${digits(4)}-${letters(1)}`,
      () => `${letters(3)}${digits(5)}`,
      () => `${digits(2)}-${digits(3)}-${digits(3)}`,
      () => `${letters(2)}/${digits(2)}.${digits(2)}`,
      () => `${letters(1)}${digits(3)}.${letters(2)}${digits(2)}`,
    ];
    const code = styles[random.integer(styles.length)]!();
    const form = code.replace(/[^A-Z0-9]/g, "");
    if (known.has(form)) continue;
    known.add(form);
    return code;
  }
}

/** Few products are searched often and most seldom (Zipf). */
function searches(
  items: readonly Product[],
  codes: readonly (string | undefined)[],
  count: number,
  random: Random,
): Shop["events"] {
  const order = random.permutation(items.length);
  const isQuiet = Array.from(items, () => random.uniform() < QUIET);
  const reach = new Float64Array(items.length);
  let sum = 0;
  for (let rank = 0; rank < items.length; rank++) reach[rank] = sum += 1 / (rank + 5);
  const byKind = new Map<string, Product[]>();
  for (const item of items) byKind.set(item.kind, [...(byKind.get(item.kind) ?? []), item]);
  return Array.from({ length: count }, () => {
    const at = random.uniform() * sum;
    let rank = 0;
    for (let step = 1 << Math.floor(Math.log2(items.length)); step > 0; step >>= 1)
      if (rank + step < items.length && reach[rank + step - 1]! <= at) rank += step;
    const number = order[rank]!;
    const meant = items[number]!;
    const query = queryFor(meant, isQuiet[number] ? undefined : codes[number], isQuiet[number]!, random);
    const others = byKind.get(meant.kind)!;
    const taken = random.uniform() < FAITHFUL ? meant : others[random.integer(others.length)]!;
    return { query, item: taken.id };
  });
}

function queryFor(
  { title, brand, kind, colour, material }: Product,
  code: string | undefined,
  isQuiet: boolean,
  random: Random,
): string {
  const [, , ...others] = KINDS.find(([name]) => name === kind)!;
  const called = random.uniform() < 0.35 ? others[random.integer(others.length)]! : kind;
  const forms = [
    () => `${colour} ${called}`,
    () => `${brand.toLowerCase()} ${called}`,
    () => `${material} ${called}`,
    () => `${colour} ${material} ${called}`,
    () => `${brand} ${called} ${colour}`,
    () => called,
    // titles and codes of the products that people know
    () => (isQuiet ? `${brand} ${material} ${called}` : title.toLowerCase()),
    () => code ?? `${called} ${colour}`,
  ];
  return forms[random.integer(forms.length)]!();
}
