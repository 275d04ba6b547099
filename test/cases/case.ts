import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PoeemConfigInput } from "@poeem/training/config";
import { type TrainedIndex, trainIndex } from "@poeem/training/train-index";

export const ADJECTIVES = ["red", "blue", "green", "small", "large", "round", "flat", "warm", "cold", "quiet"];
export const NOUNS = [
  "boot",
  "lamp",
  "chair",
  "table",
  "kite",
  "spoon",
  "clock",
  "ladder",
  "basket",
  "mirror",
  "drum",
  "rope",
];

/** One of 120 made-up products: number, and a title of an adjective and a noun that no other has. */
export interface Product {
  readonly n: number;
  readonly title: string;
}

/** 120 products by formula. */
export const PRODUCTS: readonly Product[] = ADJECTIVES.flatMap((adjective, a) =>
  NOUNS.map((noun, i) => ({ n: a * NOUNS.length + i, title: `${adjective} ${noun}` })),
);

/** Six queries that lead to each product. */
export const queriesOf = ({ title }: Product): string[] => {
  const [adjective, noun] = title.split(" ");
  return [title, `${noun} ${adjective}`, `${adjective} ${noun} cheap`, `buy ${title}`, `${noun}`, `${title} online`];
};

/** The first two of them: enough where what is read matters and not what is learned, and trained in half the time. */
export const someQueriesOf = (product: Product): string[] => queriesOf(product).slice(0, 2);

/** A CSV of rows of texts, each as it is to stand in the file: quote them yourself where they need it. */
export const csv = (...rows: readonly (readonly string[])[]): string =>
  rows.map((row) => `${row.join(",")}\n`).join("");

/** JSON lines. */
export const jsonl = (rows: readonly object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

type Section = "items" | "events" | "split" | "model" | "index" | "training";

/** A config that trains the products in about a second, changed by what is given. */
export function caseConfig(data: PoeemConfigInput["data"], changed: Partial<Pick<PoeemConfigInput, Section>> = {}) {
  return {
    name: "case",
    data,
    ...changed,
    items: { text: ["title"], ...changed.items },
    model: { dim: 16, hiddenDim: 0, minFeatureCount: 1, ...changed.model },
    index: { nlist: 4, numSubQuantizers: 8, nprobe: 4, bufferSize: 128, warmup: 0.1, ...changed.index },
    training: { epochs: 2, batchSize: 64, validations: 0, ...changed.training },
  } satisfies PoeemConfigInput;
}

/** A folder of a stranger: files by name, and a config. */
export interface Case {
  readonly folder: string;
  readonly config: string;
  readonly index: string;
  /** Lines for a person that `train` said. */
  readonly said: string[];
  /** `poeem train`, in this process. */
  train(): Promise<TrainedIndex>;
}

export async function writeCase(files: Readonly<Record<string, string | Uint8Array>>, config: object): Promise<Case> {
  const folder = await mkdtemp(join(tmpdir(), "poeem-case-"));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  const file = join(folder, "poeem.config.mjs");
  await writeFile(file, `export default ${JSON.stringify(config)};\n`);
  const said: string[] = [];
  const index = join(folder, "index");
  const options = { backend: "auto", checkpointEvery: 3600, say: (line: string) => void said.push(line) } as const;
  return { folder, config: file, index, said, train: () => trainIndex({ ...options, config: file, out: index }) };
}
