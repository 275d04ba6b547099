/** `npm run data`: writes the shop to `data/products.csv` and `data/clicks.csv`. */
import { join } from "node:path";
import { writeShop } from "./write-shop.ts";

console.log(writeShop(join(import.meta.dirname, "../data"), { items: 2000, events: 12_000, seed: 1 }));
