/**
 * A small shop of the same kind, which `poeem init` starts a folder with:
 *
 *     node examples/shop/src/sample.ts --out DIR
 */
import { parseArgs } from "node:util";
import { writeShop } from "./write-shop.ts";

const { out } = parseArgs({ options: { out: { type: "string" } } }).values;
if (out === undefined) {
  process.stderr.write("[shop] sample expected --out, the folder to write products.csv and clicks.csv to, got none\n");
  process.exitCode = 2;
} else console.log(writeShop(out, { items: 250, events: 1200, seed: 2 }));
