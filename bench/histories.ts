/**
 * Made-up histories of the shape of a public set, many users with few items each: 70,679 users, 24,915 items,
 * 652,514 events to train on and 193,920 held out, no order and no texts. Writes train.csv, test.csv and items.csv.
 *
 *     npm run bench:histories -- --out DIR [--users 70679] [--items 24915] [--events 846434] [--seed 1]
 *     poeem train --config bench/histories/poeem.config.ts --data DIR --out DIR/index
 *
 * Items belong to clusters, most of them small; a user has one to three of them, and takes items of theirs by
 * popularity, or now and then anything.
 */
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { parseArgs } from "node:util";
import { Random } from "@poeem/indexing-layer";

const { values: flags } = parseArgs({
  options: {
    out: { type: "string" },
    users: { type: "string", default: "70679" },
    items: { type: "string", default: "24915" },
    events: { type: "string", default: "846434" },
    seed: { type: "string", default: "1" },
  },
});
if (flags.out === undefined) throw new Error("--out expected a folder to write to");
const { out } = flags;
const [users, items, events] = [flags.users, flags.items, flags.events].map(Number) as [number, number, number];
const random = new Random(Number(flags.seed));

/** Items of a cluster, on average. */
const CLUSTER = 50;
/** A user's items of the whole catalogue instead of their clusters. */
const ANYTHING = 0.2;
/** Share of a user's items that is held out; about what the public set has. */
const HELD_OUT = 0.2291;

const clusters = Array.from({ length: Math.ceil(items / CLUSTER) }, (): number[] => []);
for (let item = 0; item < items; item++) clusters[Math.floor(skewed(clusters.length, 1.5))]!.push(item);
const filled = clusters.filter((cluster) => cluster.length > 0);

/** 0 … count − 1, low numbers more often: uniform to the power of `by`. */
function skewed(count: number, by: number): number {
  return Math.min(count - 1, Math.floor(count * random.uniform() ** by));
}

/** At least 8, most near it, a few in the hundreds: the mean is that of the events. */
function itemsOfUser(): number {
  const mean = events / users;
  return Math.min(Math.floor(items / 4), 8 + Math.floor((mean - 7.5) * (1 / Math.sqrt(1 - random.uniform()) - 1)));
}

function drawUser(count: number): number[] {
  const own = Array.from({ length: 1 + random.integer(3) }, () => filled[random.integer(filled.length)]!);
  const drawn = new Set<number>();
  for (let tries = 0; drawn.size < count && tries < 20 * count; tries++) {
    const cluster = own[random.integer(own.length)]!;
    const anything = tries > 5 * count || random.uniform() < ANYTHING;
    drawn.add(anything ? skewed(items, 3) : cluster[skewed(cluster.length, 2)]!);
  }
  return [...drawn];
}

mkdirSync(out, { recursive: true });
const files = ["train", "test"].map((name) => createWriteStream(join(out, `${name}.csv`)));
for (const file of files) file.write("user,item\n");
let written = 0;
for (let user = 0; user < users; user++) {
  const lines = ["", ""];
  for (const item of drawUser(itemsOfUser())) lines[Number(random.uniform() < HELD_OUT)] += `${user},${item}\n`;
  lines.forEach((text, i) => {
    written += text.split("\n").length - 1;
    files[i]!.write(text);
  });
}
const catalogue = createWriteStream(join(out, "items.csv"));
catalogue.write(`id\n${Array.from({ length: items }, (_, item) => item).join("\n")}\n`);
await Promise.all([...files, catalogue].map((file) => finished(file.end())));
process.stderr.write(`${out}: ${written} events of ${users} users and ${items} items\n`);
