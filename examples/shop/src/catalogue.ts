import type { Group, Product, Shop } from "./made-up.ts";
import { pictureOf } from "./picture.ts";

/** A product as a shop lists it: the columns of `products.csv`, in this order. */
export interface Listed {
  readonly sku: string;
  readonly title: string;
  readonly description: string;
  readonly brand: string;
  readonly category: string;
  readonly kind: string;
  readonly colour: string;
  /** Euros. */
  readonly price: number;
  readonly image: string;
}

/** What somebody searched for, and the product that they clicked. */
export interface Click {
  readonly query: string;
  readonly sku: string;
}

const CATEGORIES: Readonly<Record<Group, string>> = { wear: "Clothing", home: "Home", tool: "Tools" };
/** About what one of its kind costs; of kinds that are not here, 40. */
const USUAL_PRICES: Readonly<Record<string, number>> = {
  ...{ jacket: 120, trousers: 70, shoes: 90, boots: 130, dress: 80, backpack: 75, hat: 25, socks: 9, shirt: 30 },
  ...{ chair: 110, table: 240, shelf: 150, rug: 140, mirror: 85, curtain: 45, bowl: 18, vase: 28, pillow: 22 },
  ...{ drill: 130, saw: 60, ladder: 115, hammer: 24, wrench: 19 },
};
const USUAL_PRICE = 40;
/** Prices of the made-up shop are drawn evenly from 5 to 404. */
const DRAWN = { from: 5, span: 400 };

/** The made-up shop as a shop would have it in its files. An article number is the code, where a product has one. */
export function catalogueOf({ items, events, codes }: Shop): { products: Listed[]; clicks: Click[] } {
  const skus = new Map(items.map(({ id }, i) => [id, codes[i] ?? id]));
  return {
    products: items.map((item) => ({ sku: skus.get(item.id)!, ...listed(item) })),
    clicks: events.map(({ query, item }) => ({ query, sku: skus.get(item)! })),
  };
}

function listed({ brand, material, kind, colour, size, description, group, price }: Product): Omit<Listed, "sku"> {
  return {
    title: `${brand} ${material} ${kind}, ${colour}, ${size}`,
    description: description[0]!.toUpperCase() + description.slice(1),
    brand,
    category: CATEGORIES[group],
    kind,
    colour,
    price: Math.ceil((USUAL_PRICES[kind] ?? USUAL_PRICE) * (0.6 + (price - DRAWN.from) / DRAWN.span)) - 0.05,
    image: pictureOf(kind, colour),
  };
}
