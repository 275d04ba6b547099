import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { openQueryTower, planQuestion } from "@poeem/towers";
import { formatEvaluation } from "@poeem/training/evaluate/print";
import { expect, it } from "vitest";
import { NOUNS, ADJECTIVES as OTHERS } from "./cases/case.ts";
import { poeem } from "./run.ts";

const ADJECTIVES = [...OTHERS, "old"];
const TITLES = ADJECTIVES.flatMap((adjective) => NOUNS.map((noun) => `${adjective} ${noun}`));
const DIM = 16;
const CUTOFFS = [1, 10, 20, 50, 100];

/** A published split, as made-up files: rows of query or user, and item. */
function makeSplit(kind: "query" | "user", seed: number): Record<"train.csv" | "test.csv" | "history.csv", string[][]> {
  const random = new Random(seed);
  const split: ReturnType<typeof makeSplit> = { "train.csv": [], "test.csv": [], "history.csv": [] };
  for (let who = 0; who < 90; who++) {
    const noun = random.integer(NOUNS.length);
    const name =
      kind === "user" ? `u${who}` : `${NOUNS[noun]} ${ADJECTIVES[who % 11]} ${who % 4 ? "" : "cheap"}`.trim();
    const events = 2 + random.integer(8);
    for (let e = 0; e < events; e++) {
      const item = random.integer(4) === 0 ? random.integer(TITLES.length) : random.integer(11) * NOUNS.length + noun;
      // some users are in the test alone, some only in history and test; the same pair may be in train and test
      const file =
        who % 10 === 0
          ? "test.csv"
          : who % 10 === 1 && kind === "user" && e > 0
            ? "history.csv"
            : random.integer(3) === 0 || who % 10 === 1
              ? "test.csv"
              : "train.csv";
      split[file].push([name, `p${item}`]);
    }
  }
  return split;
}

type Form = "mean" | "mixture";

async function writeSplit(kind: "query" | "user", as: Form, seed: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-given-"));
  const write = (name: string, rows: string[][]): Promise<void> =>
    writeFile(join(folder, name), rows.map((row) => `${row.join(",")}\n`).join(""));
  await write("items.csv", [["id", "title"], ...TITLES.map((title, i) => [`p${i}`, title])]);
  for (const [name, rows] of Object.entries(makeSplit(kind, seed))) await write(name, [[kind, "item"], ...rows]);
  const sql = (name: string): string => `SELECT * FROM '${name}.csv'`;
  const config = {
    name: "given",
    data: {
      items: sql("items"),
      events: sql("train"),
      test: sql("test"),
      ...(kind === "user" && { history: sql("history") }),
    },
    items: { text: ["title"] },
    events: { [kind]: kind },
    model: { dim: DIM, hiddenDim: 0, minFeatureCount: 1, history: { as } },
    index: { nlist: 4, numSubQuantizers: 8, nprobe: 2, bufferSize: 128, warmup: 0.1 },
    training: { epochs: 2, batchSize: 64, validations: 1 },
  };
  await writeFile(join(folder, "poeem.config.mjs"), `export default ${JSON.stringify(config)};\n`);
  return folder;
}

/** Rows of a CSV without quotes. */
async function readCsv(file: string): Promise<string[][]> {
  const [, ...lines] = (await readFile(file, "utf8")).trim().split("\n");
  return lines.map((line) => line.split(","));
}

/** The mean of doubles from 0 to 1 without rounding on the way, in integers of 2^-200. */
function mean(values: readonly number[]): number {
  const scale = 2 ** 100;
  const sum = values.reduce((total, value) => {
    const high = Math.trunc(value * scale);
    return total + (BigInt(high) << 100n) + BigInt((value * scale - high) * scale);
  }, 0n);
  return Number(sum) / scale / scale / values.length;
}

/** Means over the queries of recall@k and nDCG@k, by their definitions in docs/published-split.md. */
function meansOf(ranked: ReadonlyMap<string, string[]>, relevant: ReadonlyMap<string, Set<string>>) {
  const means: Record<string, number> = {};
  for (const k of CUTOFFS) {
    const recalls: number[] = [];
    const gains: number[] = [];
    for (const [who, wanted] of relevant) {
      let found = 0;
      let gain = 0;
      let ideal = 0;
      for (const [place, item] of ranked.get(who)!.slice(0, k).entries()) {
        if (!wanted.has(item)) continue;
        found++;
        gain += 1 / Math.log2(place + 2);
      }
      for (let place = 0; place < Math.min(k, wanted.size); place++) ideal += 1 / Math.log2(place + 2);
      recalls.push(found / wanted.size);
      gains.push(gain / ideal);
    }
    means[`recallAt${k}`] = mean(recalls);
    means[`ndcgAt${k}`] = mean(gains);
  }
  return means;
}

it.each([
  ["query", "mean"],
  ["user", "mean"],
  ["user", "mixture"],
] as const)("evaluate on a given split of %s (%s) equals a loop over the files", async (kind, as) => {
  const folder = await writeSplit(kind, as, kind === "user" ? 5 : 6);
  const path = (name: string): string => join(folder, name);
  const where = ["--config", path("poeem.config.mjs"), "--data", folder];
  const trained = await poeem(["train", ...where, "--out", path("index"), "--json"]);
  expect(trained.code, trained.stderr).toBe(0);
  const evaluated = await poeem(["evaluate", ...where, "--index", path("index"), "--all", "--json"]);
  expect(evaluated.code, evaluated.stderr).toBe(0);
  const result = JSON.parse(evaluated.stdout);

  // equal scores rank by id
  const items = (await readCsv(path("items.csv"))).map(([id]) => id!).sort();
  const train = await readCsv(path("train.csv"));
  const test = await readCsv(path("test.csv"));
  const before = new Map<string, string[]>();
  if (kind === "user") {
    for (const [user, item] of [...train, ...(await readCsv(path("history.csv")))]) {
      before.set(user!, [...(before.get(user!) ?? []), item!]);
    }
  }
  const relevant = new Map<string, Set<string>>();
  for (const [who, item] of test) relevant.set(who!, (relevant.get(who!) ?? new Set()).add(item!));
  const known = (who: string): string[] =>
    [...new Set(before.get(who) ?? [])].filter((item) => !relevant.get(who)!.has(item));

  // what the index and the files beside it say: vectors before quantization, the query tower
  const index = await openIndexDirectory(path("index"));
  const bytes = await readFile(path("index/model/item-vectors.f32"));
  const dense = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const decoded = await index.vectors(await index.ordinals(items));
  const tower = openQueryTower((await index.queryTower())!);
  const row = (vectors: Float32Array, item: string): number[] =>
    Array.from(vectors.subarray(items.indexOf(item) * DIM, (items.indexOf(item) + 1) * DIM));
  const ask = (who: string, vectors: Float32Array) => {
    const history = known(who);
    if (kind === "user" && history.length === 0) return undefined;
    const question = kind === "user" ? { history } : { text: who };
    const { read, embed } = planQuestion<string>(tower, DIM, question);
    return embed(Float32Array.from(read.flatMap((item) => row(vectors, item))));
  };

  const rankings = {
    dense: new Map<string, string[]>(),
    index: new Map<string, string[]>(),
    popular: new Map<string, string[]>(),
  };
  const pairs = new Set(train.map((pair) => pair.join()));
  const popularity = new Map(
    items.map((item) => [item, [...pairs].filter((pair) => pair.endsWith(`,${item}`)).length]),
  );
  for (const who of relevant.keys()) {
    const seen = new Set(known(who));
    const rest = items.filter((item) => !seen.has(item));
    rankings.popular.set(
      who,
      rest.toSorted((a, b) => popularity.get(b)! - popularity.get(a)!),
    );
    const query = ask(who, dense);
    const scoreOf = (item: string): number =>
      query!.vectors[0]!.reduce((sum, x, d) => sum + x * dense[items.indexOf(item) * DIM + d]!, 0);
    const scores = new Map(query ? rest.map((item) => [item, scoreOf(item)]) : []);
    rankings.dense.set(who, query ? rest.toSorted((a, b) => scores.get(b)! - scores.get(a)!) : []);
    const throughIndex = ask(who, decoded);
    const { merge } = throughIndex ?? {};
    const found =
      throughIndex && (await index.search(throughIndex.vectors, { k: 100, nprobe: 4, exclude: [...seen], merge }));
    rankings.index.set(who, found ? (await index.items(found.ordinals)).map(({ id }) => String(id)) : []);
  }

  const rows = result.rows as Record<string, unknown>[];
  const whole = rows.find((one) => one["kind"] === "index" && one["nprobe"] === 4)!;
  // the weights of a mixture are fitted anew for the dense vectors; all else is as it is published
  if (as === "mean") {
    expect(rows.find((one) => one["kind"] === "dense")).toMatchObject(meansOf(rankings.dense, relevant));
  }
  expect(whole).toMatchObject({ scanned: 1, ...meansOf(rankings.index, relevant) });
  expect(rows.find((one) => one["name"] === "popularity")).toMatchObject(meansOf(rankings.popular, relevant));

  const unknown = [...relevant.keys()].filter((who) => kind === "user" && known(who).length === 0).length;
  const inTraining = new Set(train.map(([who]) => who));
  expect(result).toMatchObject({
    queries: relevant.size,
    heldOut: relevant.size,
    testPairs: new Set(test.map((pair) => pair.join())).size,
    alsoTrained: {
      queries: kind === "user" ? null : [...relevant.keys()].filter((who) => inTraining.has(who)).length,
      pairs: new Set(test.map((pair) => pair.join()).filter((pair) => pairs.has(pair))).size,
    },
    unknownQueries: unknown,
  });
  const said = [
    `${result.alsoTrained.pairs} of ${result.testPairs} held-out pairs`,
    ...(kind === "user" ? [`${unknown} held-out users have no history`] : []),
  ];
  for (const line of said) for (const text of [trained.stderr, formatEvaluation(result)]) expect(text).toContain(line);
  expect(JSON.parse(trained.stdout).data.alsoTrained).toEqual(result.alsoTrained);
  const page = await readFile(path("index/report.html"), "utf8");
  const rowOf = (name: string): string | undefined => page.match(new RegExp(`${name}</th><td>([^<]*)<`))?.[1];
  expect(rowOf("held-out pairs also in training")).toBe(`${result.alsoTrained.pairs}`);
  expect(rowOf("held-out users without a history, who count as 0 but for popularity")).toBe(`${unknown}`);
  if (kind === "user") expect(unknown).toBeGreaterThan(5);
  expect(result.alsoTrained.pairs).toBeGreaterThan(0);
});
