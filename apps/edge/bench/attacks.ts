/** What somebody would send who wants a Worker to work for nothing: one or more requests of each kind. */
import { encodeVector } from "../src/http/vector.ts";
import { type Catalogue, dim } from "./catalogue.ts";
import type { Sent } from "./worker.ts";

/** Which index is attacked: see `targets.ts`. */
export type Target = "codes" | "paged" | "words" | "identical" | "fields" | "tokens";

/** One kind of attack, on one of the indexes. */
export interface Attack {
  readonly name: string;
  readonly target: Target;
  requests(catalogue: Catalogue, items: number): readonly Sent[];
}

/** For the target `tokens`: one for each attack, as what one has used up another would lack. */
export const GOOD_TOKENS = ["a-good-token", "another-good-token"] as const;
/** Requests a minute that its limiter lets through. */
export const RATE = 5;

const ZEROS = encodeVector(new Float32Array(dim));
const MAX_QUERY_BYTES = 512;

type Parameters = Readonly<Record<string, string | number>>;
const get = (parameters: Parameters, path = "/search"): Sent => ({
  path: `${path}?${new URLSearchParams(parameters as Record<string, string>)}`,
});
const post = (body: unknown): Sent => ({ path: "/search", body: JSON.stringify(body) });
const many = <T>(n: number, one: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => one(i));

/** Ids that lie all over the index. */
export const scattered = (n: number, items: number, i = 0): number[] => many(n, (j) => ((i + j) * 104_729) % items);

/** A filter of so many comparisons, in 2,000 bytes. */
export function leaves(n: number): string {
  if (n > 64) return many(n, (i) => `year=${1900 + (i % 100)}`).join(" OR ");
  return many(n, (i) => `year>=${1900 + (i % 50)}`).join(" AND ");
}

/** Text of 512 bytes out of the words given. */
function longText(words: readonly string[]): string {
  let text = "";
  for (let i = 0; text.length + words[i % words.length]!.length < MAX_QUERY_BYTES; i++)
    text += `${words[i % words.length]} `;
  return text.trim();
}

const wordsOf = ({ text }: Catalogue) => many(100, (i) => text!(i * 5 + 4)).flatMap((words) => words.split(" "));
const misspelt = (word: string) => `${word.slice(0, 2)}x${word.slice(2)}`;

const TEXTS: Readonly<Record<string, (catalogue: Catalogue) => string>> = {
  "rare words": (catalogue) => longText(wordsOf(catalogue)),
  "misspelt words": (catalogue) => longText(wordsOf(catalogue).map(misspelt)),
  "one-letter words": () => longText("a b c d e f g h i j k l m n o p q r s t u v w x y z".split(" ")),
  "two-letter words": () => longText("be ba bo bi du da de ko ka ki mo ma me po pa pe sta sto ste".split(" ")),
  "one word": () => "ab".repeat(MAX_QUERY_BYTES / 2),
  quotes: () => longText(['"a"', "-b", '"c d"']),
  "Han characters": () => "誕生日".repeat(56),
};

const onTexts = (name: string, parameters: Parameters, path?: string): Attack[] =>
  Object.entries(TEXTS).map(([kind, text]) => ({
    name: `${name}, 512 bytes of ${kind}`,
    target: "words",
    requests: (catalogue) => [get({ q: text(catalogue), ...parameters }, path)],
  }));

/** One GET of a vector. */
const one = (name: string, parametersOf: (c: Catalogue) => Parameters, target: Target = "codes"): Attack => ({
  name,
  target,
  requests: (catalogue) => [get({ vector: encodeVector(catalogue.query(1)), ...parametersOf(catalogue) })],
});

/** One POST of 32 searches, each of another vector unless it starts from something else. */
const batch = (
  name: string,
  searchOf: (c: Catalogue, items: number, i: number) => Readonly<Record<string, unknown>>,
  target: Target = "codes",
): Attack => ({
  name: `batch of 32, ${name}`,
  target,
  requests: (catalogue, items) => [
    post(
      many(32, (i) => {
        const search = searchOf(catalogue, items, i);
        const isWhole = search["history"] !== undefined || search["q"] !== undefined;
        return { ...(isWhole ? {} : { vector: encodeVector(catalogue.query(i)) }), ...search };
      }),
    ),
  ],
});

const whole = (name: string, target: Target, requests: Attack["requests"]): Attack => ({ name, target, requests });

const ON_CODES: readonly Attack[] = [
  one("a light search: k 10, nprobe 8", () => ({ nprobe: 8 })),
  one("zeros, all cells, k 1000", ({ nlist }) => ({ vector: ZEROS, nprobe: nlist, k: 1000 })),
  one("nearly zeros, all cells, k 1000", ({ nlist }) => ({
    ...{ vector: encodeVector(new Float32Array(dim).fill(1e-38)), nprobe: nlist, k: 1000 },
  })),
  one("numbers of ±3e38", () => ({
    vector: encodeVector(Float32Array.from({ length: dim }, (_, d) => (d % 2 === 0 ? 3e38 : -3e38))),
  })),
  one("one number of 3e38, all cells", ({ nlist }) => ({
    vector: encodeVector(Float32Array.from({ length: dim }, (_, d) => (d === 0 ? 3e38 : 0))),
    nprobe: nlist,
  })),
  one("all cells, k 1000", ({ nlist }) => ({ nprobe: nlist, k: 1000 })),
  one("all cells, k 1000, diversity 1", ({ nlist }) => ({ nprobe: nlist, k: 1000, diversity: 1 })),
  one("filter of 64 comparisons, all cells", ({ nlist }) => ({ nprobe: nlist, filter: leaves(64) })),
  one("filter of 150 comparisons by OR, one cell", () => ({ nprobe: 1, filter: leaves(150) })),
  one("filter of 300 nested NOT, all cells", ({ nlist }) => ({
    ...{ nprobe: nlist, filter: `${"NOT (".repeat(300)}year>1950${")".repeat(300)}` },
  })),
  one("filter that nothing passes, all cells, k 1000", ({ nlist }) => ({
    ...{ nprobe: nlist, k: 1000, filter: "set:none OR year>3000" },
  })),
  batch("64 comparisons, all cells", ({ nlist }) => ({ nprobe: nlist, filter: leaves(64) })),
  batch("64 comparisons, an eighth of the cells", ({ nlist }) => ({ nprobe: nlist / 8, filter: leaves(64) })),
  batch("k 62, all cells, diversity", ({ nlist }) => ({ nprobe: nlist, k: 62, diversity: 0.5 })),
  batch("histories of 1000 ids", ({ nlist }, items, i) => ({
    ...{ history: scattered(1000, items, i * 31), nprobe: nlist / 16 },
  })),
  batch("exclude of 1000 ids", (_, items, i) => ({ exclude: scattered(1000, items, i * 997) })),
  whole("history of 1000 ids, all cells, k 1000", "codes", ({ nlist }, items) => [
    post({ history: scattered(1000, items), nprobe: nlist, k: 1000 }),
  ]),
  whole("exclude of 1000 ids, all cells, k 1000", "codes", ({ query, nlist }, items) => [
    post({ vector: encodeVector(query(1)), exclude: scattered(1000, items), nprobe: nlist, k: 1000 }),
  ]),
  whole("500 names of no index", "codes", ({ query }) =>
    many(500, (i) => get({ vector: encodeVector(query(1)), index: `none-${i}` })),
  ),
  whole("10 requests with 700 tags in If-None-Match", "codes", ({ query }) =>
    many(10, (i) => ({
      ...get({ vector: encodeVector(query(i)) }),
      headers: { "if-none-match": many(700, (j) => `"${j}-${i}"`).join() },
    })),
  ),
];

/** An index that memory does not keep: without filters, of which it has too many. */
const ON_PAGES: readonly Attack[] = [
  one("a light search: k 10, nprobe 8", () => ({ nprobe: 8 }), "paged"),
  one("all cells, k 1000", ({ nlist }) => ({ nprobe: nlist, k: 1000 }), "paged"),
  one("an eighth of the cells, k 1000", ({ nlist }) => ({ nprobe: nlist / 8, k: 1000 }), "paged"),
  one("zeros, all cells, k 1000", ({ nlist }) => ({ vector: ZEROS, nprobe: nlist, k: 1000 }), "paged"),
  one("32 cells, k 1000, diversity 1", () => ({ nprobe: 32, k: 1000, diversity: 1 }), "paged"),
  batch("an eighth of the cells, k 62", ({ nlist }) => ({ nprobe: nlist / 8, k: 62 }), "paged"),
  batch("32 cells, k 10", () => ({ nprobe: 32 }), "paged"),
  batch("histories of 1000 ids", (_, items, i) => ({ history: scattered(1000, items, i * 31), nprobe: 8 }), "paged"),
  whole("history of 1000 ids, 32 cells", "paged", (_, items) => [
    post({ history: scattered(1000, items), nprobe: 32 }),
  ]),
  whole("exclude of 1000 ids, k 1000", "paged", ({ query }, items) => [
    post({ vector: encodeVector(query(1)), exclude: scattered(1000, items), k: 1000 }),
  ]),
].map((attack) => ({ ...attack, name: `paged: ${attack.name}` }));

/** Bodies as large as a body may be. */
const BODIES: Readonly<Record<string, string>> = {
  "a text": `{"q":"${"a".repeat(1_048_000)}"}`,
  "opening brackets": "[".repeat(1_048_500),
  "a list of objects": `[${"{},".repeat(340_000)}{}]`,
  "unknown members": `{${many(60_000, (i) => `"m${i}":${i}`).join()}}`,
  "ids to exclude": `{"q":"a","exclude":[${"1234567,".repeat(130_000)}1]}`,
  "a vector": `{"vector":[${"0.12345,".repeat(130_000)}1]}`,
  "a filter of backslashes": `{"q":"a","filter":"${'\\\\\\"'.repeat(260_000)}"}`,
};

/** What the limiter has to tell apart, as the header Authorization of the ith request. */
const TOKENS: Readonly<Record<string, (i: number) => string>> = {
  "50 guessed tokens": (i) => `Bearer guess-${i}`,
  "50 spellings of Bearer": (i) => {
    const letters = Array.from("bearer", (c, bit) => ((i >> bit) & 1 ? c.toUpperCase() : c));
    return `${letters.join("")} ${GOOD_TOKENS[0]}`;
  },
  "50 times a good token": () => `Bearer ${GOOD_TOKENS[1]}`,
};

/** Every kind that issue 16 names, and what lies beside it. */
export const ATTACKS: readonly Attack[] = [
  ...ON_CODES,
  ...ON_PAGES,
  ...Object.entries(BODIES).map(([what, body]) =>
    whole(`1 MiB of ${what}`, "codes", () => [{ path: "/search", body }]),
  ),
  one("identical vectors, k 1000", ({ nlist }) => ({ nprobe: nlist, k: 1000 }), "identical"),
  whole("identical vectors, exclude 1000", "identical", ({ query, nlist }, items) => [
    post({ vector: encodeVector(query(1)), nprobe: nlist, exclude: scattered(1000, items) }),
  ]),
  batch("identical vectors, k 62", ({ nlist }) => ({ nprobe: nlist, k: 62 }), "identical"),
  ...onTexts("hybrid, all cells, k 1000", { mode: "hybrid", k: 1000, nprobe: 1024 }),
  ...onTexts("hybrid, as many as it finds by default", {}),
  ...onTexts("words, k 1000", { mode: "words", k: 1000 }),
  ...onTexts("dense, all cells, k 1000", { mode: "dense", k: 1000, nprobe: 1024 }),
  ...onTexts("suggest, k 50", { k: 50 }, "/suggest"),
  batch("misspelt words", (c, _, i) => ({ q: longText(wordsOf(c).slice(i).map(misspelt)), k: 62 }), "words"),
  one("fields of 40 kB, k 1000", ({ nlist }) => ({ nprobe: nlist, k: 1000 }), "fields"),
  one("fields of 40 kB, k 1000, only titles", ({ nlist }) => ({ nprobe: nlist, k: 1000, fields: "title" }), "fields"),
  batch("fields of 40 kB, k 62", ({ nlist }) => ({ nprobe: nlist, k: 62 }), "fields"),
  ...Object.entries(TOKENS).map(([name, authorization], n) =>
    whole(`${name}, limit ${RATE}`, "tokens", () =>
      many(50, (i) => ({
        path: `/search?vector=${ZEROS}`,
        headers: { authorization: authorization(i), "cf-connecting-ip": `192.0.2.${n}` },
      })),
    ),
  ),
];
