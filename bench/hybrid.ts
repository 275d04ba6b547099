/**
 * What words beside codes cost: a search by codes alone, and the same with five words of an item's text, each with what
 * is like it, interleaved in one run. Items have about eight made-up words of a Zipf distribution.
 *
 *     npm run bench:hybrid -- [--json] [--n 18000,100000,1000000] [--reps 1000] [--k 10]
 *
 * In milliseconds of CPU: the median, the 99th percentile, and the median as a multiple of that of codes alone.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { loadKernel, openArtifact } from "@poeem/pq-core";
import { openWords, searchHybrid } from "@poeem/pq-core/words";
import { writeArtifact } from "@poeem/pq-core/write";
import { adcData, NUM_QUERIES, seeded } from "./adc-shapes.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    n: { type: "string", default: "18000,100000,1000000" },
    reps: { type: "string", default: "1000" },
    k: { type: "string", default: "10" },
  },
});
const file = readFileSync(new URL(import.meta.resolve("@poeem/pq-core/kernel-relaxed.wasm")));
const kernel = loadKernel(new WebAssembly.Module(file));
const [reps, k] = [Number(flags.reps), Number(flags.k)];
const DIM = 64;
const WORDS = 5;
const ONSETS = "b br c ch d f g h k l m n p r s st t tr v w".split(" ");
const VOWELS = "a e i o u ai ea ou".split(" ");
const ENDS = ["", "", "n", "r", "s", "ing", "er", "ed"];

/** Words that look like words, so that some are alike. */
function makeVocabulary(size: number, next: () => number): string[] {
  const words = new Set<string>();
  const one = (list: readonly string[]): string => list[Math.floor(next() * list.length)]!;
  while (words.size < size) {
    let word = "";
    for (let syllables = 1 + Math.floor(next() * 3); syllables > 0; syllables--) word += one(ONSETS) + one(VOWELS);
    words.add(word + one(ENDS));
  }
  return [...words];
}

/** About eight terms for each item, most of them frequent ones; the last is rare, or of this item alone. */
function makeWords(n: number, terms: readonly string[], next: () => number) {
  const offsets = new Uint32Array(n + 1);
  const numbers = new Uint32Array(n * 9);
  const impacts = new Uint8Array(n * 9);
  let end = 0;
  for (let i = 0; i < n; i++) {
    const own = new Set<number>();
    for (let w = 0; w < 8; w++) own.add(Math.floor(terms.length ** next()) - 1);
    own.add(Math.floor(next() * terms.length));
    for (const number of own) {
      numbers[end] = number;
      impacts[end++] = 4 + Math.floor(next() * 8);
    }
    offsets[i + 1] = end;
  }
  return { terms, offsets, numbers: numbers.slice(0, end), impacts: impacts.slice(0, end) };
}

/** Of all threads: what a busy machine tells best. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function measure(n: number) {
  const nlist = Math.max(64, 2 ** Math.round(Math.log2(Math.sqrt(n))));
  const data = adcData({ n, dim: DIM, nbits: 4, M: 32, nlist });
  const next = seeded(5);
  const terms = makeVocabulary(Math.min(150_000, Math.round(n / 4)), next);
  const itemWords = makeWords(n, terms, next);
  const artifact = await writeArtifact({
    ...data,
    ids: Uint32Array.from({ length: n }, (_, i) => i),
    words: { ...itemWords, nameOffsets: new Uint32Array(n + 1), names: new Uint32Array(0) },
    wordFacts: { rules: 1, dense: 1, words: 1 },
    defaultNprobe: 8,
  });
  const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
  const source = { get: async (key: string) => chunks.get(key)! };
  const index = await openArtifact(source, artifact.manifestBytes, { kernel });
  const opening = performance.now();
  const words = (await openWords(index))!;
  const openMs = performance.now() - opening;
  const building = performance.now();
  words.near("first", 16, true);
  const tableMs = performance.now() - building;
  const times: Record<string, number[]> = { codes: [], near: [], hybrid: [], both: [] };
  for (let rep = 0; rep < reps + 50; rep++) {
    const vectors = [data.queries.subarray((rep % NUM_QUERIES) * DIM, (rep % NUM_QUERIES) * DIM + DIM)];
    const item = Math.floor(next() * n);
    const [from, to] = [itemWords.offsets[item]!, itemWords.offsets[item + 1]!];
    const asked = Array.from(
      { length: WORDS },
      () => terms[itemWords.numbers[from + Math.floor(next() * (to - from))]!]!,
    );
    const start = cpuMs();
    await index.search(vectors, { k });
    const searched = cpuMs();
    const query = {
      words: asked.map((word) => ({ alternatives: words.near(word, 16, false) })),
      required: [],
      excluded: [],
      named: new Uint32Array(0),
    };
    const near = cpuMs();
    await searchHybrid(index, words, { vectors }, query, { k });
    const end = cpuMs();
    if (rep < 50) continue;
    times["codes"]!.push(searched - start);
    times["near"]!.push(near - searched);
    times["hybrid"]!.push(end - near);
    times["both"]!.push(end - searched);
  }
  const at = (name: string, share: number): number =>
    times[name]!.sort((a, b) => a - b)[Math.floor(times[name]!.length * share)]!;
  const rows = Object.keys(times).map((name) => ({
    name,
    median: at(name, 0.5),
    p99: at(name, 0.99),
    ratio: at(name, 0.5) / at("codes", 0.5),
  }));
  return { n, terms: terms.length, postings: itemWords.numbers.length, openMs, tableMs, rows };
}

const results = [];
for (const n of flags.n.split(",").map(Number)) {
  const result = await measure(n);
  results.push(result);
  if (flags.json) continue;
  console.log(`${n} items, ${result.terms} terms, ${result.postings} postings`);
  console.log(`  open ${result.openMs.toFixed(1)} ms, first search for like terms ${result.tableMs.toFixed(1)} ms`);
  for (const { name, median, p99, ratio } of result.rows)
    console.log(`  ${name.padEnd(8)} ${median.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms, ${ratio.toFixed(2)} times`);
}
if (flags.json) console.log(JSON.stringify(results));
