import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { catalogueOf } from "./catalogue.ts";
import { makeShop, type ShopOptions } from "./made-up.ts";

/**
 * Writes `products.csv` and `clicks.csv` of a made-up shop into a folder: the same bytes for the same options.
 * @returns what was written, in words
 */
export function writeShop(folder: string, options: ShopOptions): string {
  const { products, clicks } = catalogueOf(makeShop(options));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "products.csv"), csvOf(products));
  writeFileSync(join(folder, "clicks.csv"), csvOf(clicks));
  const queries = new Set(clicks.map(({ query }) => query)).size;
  return `${folder}: ${products.length} products, ${clicks.length} clicks after ${queries} queries`;
}

/** Rows with the keys of the first as a header. */
function csvOf(rows: readonly object[]): string {
  const lines = [Object.keys(rows[0]!), ...rows.map((row) => Object.values(row))];
  return lines.map((line) => `${line.map(cellOf).join(",")}\n`).join("");
}

function cellOf(value: string | number): string {
  if (typeof value === "number") return value.toFixed(2);
  return /[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
