/**
 * `npm run bench:price -w @poeem/edge [-- --items 1000000]`: what requests cost in CPU beside what they are priced at,
 * in Node: from this the weights of `src/http/price.ts` are taken. The ratio is what counts: above 2 a request takes
 * longer than the budget promises. One core should be idle.
 */
import { parseArgs } from "node:util";
import { chunkKey, formatPointer, manifestKey, pointerKey } from "@poeem/pq-core/kv";
import { createApp } from "../src/create-app.ts";
import { Meter } from "../src/http/meter.ts";
import { encodeVector } from "../src/http/vector.ts";
import { makeCatalogue } from "./catalogue.ts";

/** Milliseconds of a unit of work. */
const UNIT_MS = 2e-6;
const { values } = parseArgs({ options: { items: { type: "string", default: "1000000" } } });
const items = Number(values.items);

const { artifact, nlist, query, text } = await makeCatalogue(items, { texts: true });
const stored = new Map(artifact.chunks.map(({ key, bytes }) => [chunkKey(key), bytes]));
stored.set(manifestKey(artifact.version), artifact.manifestBytes);
const pointer = {
  ...{ version: artifact.version, manifestKey: manifestKey(artifact.version) },
  publishedAt: new Date().toISOString(),
};
let work = 0;
const begin = Meter.prototype.begin;
Meter.prototype.begin = function (price, refuse) {
  work = price.work;
  begin.call(this, price, refuse);
};
const app = createApp({
  store: () => ({
    getText: async (key) => (key === pointerKey() ? formatPointer(pointer) : null),
    getBytes: async (key) => stored.get(key)?.slice() ?? null,
  }),
  maxIndexBytes: 4 * 2 ** 30,
  config: { limits: { work: 1e12, bytes: 1e9 } },
  log: () => undefined,
});
await (await app.request("/readyz")).text();

let asked = 0;
const ids = (n: number) => Array.from({ length: n }, () => (asked++ * 7919) % items).join();
const vector = () => `vector=${encodeVector(query(asked++))}`;
const words = (most: number) => {
  let all = "";
  while (all.length < most) all += `${text!(asked++)} `;
  return `q=${encodeURIComponent(all.trim())}`;
};
const kinds: Readonly<Record<string, () => string>> = {
  "vector, default": () => vector(),
  "vector, all cells": () => `${vector()}&nprobe=${nlist}`,
  "vector, all cells, k 1000": () => `${vector()}&nprobe=${nlist}&k=1000`,
  "k 1000": () => `${vector()}&k=1000`,
  "k 100, diversity": () => `${vector()}&k=100&diversity=0.5`,
  "k 1000, diversity": () => `${vector()}&k=1000&diversity=0.5`,
  "exclude 1000": () => `${vector()}&exclude=${ids(1000)}`,
  "history of 20": () => `history=${ids(20)}`,
  "history of 20, all cells": () => `history=${ids(20)}&nprobe=${nlist}`,
  "history of 50, all cells, k 1000": () => `history=${ids(50)}&nprobe=${nlist}&k=1000`,
  "a text": () => words(1),
  "a text, words": () => `${words(1)}&mode=words`,
  "a long text": () => words(200),
  "the longest text": () => words(440),
};
const rows = [];
for (const [name, of] of Object.entries(kinds)) {
  const took: { ms: number; price: number }[] = [];
  for (let i = 0; i < 12; i++) {
    const path = `/search?${of()}`;
    const before = process.cpuUsage();
    await (await app.request(path)).text();
    const { user, system } = process.cpuUsage(before);
    // The first ones compile.
    if (i >= 2) took.push({ ms: (user + system) / 1000, price: work * UNIT_MS });
  }
  const sum = (of: (one: (typeof took)[number]) => number) => took.reduce((all, one) => all + of(one), 0) / took.length;
  const [ms, price] = [sum((one) => one.ms), sum((one) => one.price)];
  const worst = Math.max(...took.map((one) => one.ms));
  rows.push({
    name,
    ms: +ms.toFixed(2),
    worst: +worst.toFixed(1),
    price: +price.toFixed(2),
    ratio: +(ms / price).toFixed(2),
  });
}
console.table(rows);
