import { isUtf8 } from "node:buffer";
import type { PoeemConfigInput } from "@poeem/training/config";
import type { MetricName } from "@poeem/training/rank/metrics";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";
import movielens from "../../examples/movielens/poeem.config.ts";
import { readItemLists } from "./read/item-lists.ts";
import { leaveOneOut } from "./read/leave-one-out.ts";
import { bytesOf, fileOf, findFile, onlyFileOf } from "./read/lines.ts";
import { readRatings } from "./read/ratings.ts";
import { type EventRow, type GivenSplit, writeSplit } from "./read/write-split.ts";
import { unknownNamed } from "./unknown.ts";

/** What a kind of data set is, and how it becomes what `poeem` reads. */
export interface SetKind {
  /** For `--help`: the files, and how they are split. */
  readonly about: string;
  /** By what settings are chosen, on validation queries. */
  readonly choose: MetricName;
  /**
   * Whether peers learn from validation events too once their settings are chosen, as they do where the trainer cuts
   * them out of the training. In leave-one-out they never do: the protocol fits on all but the last two.
   */
  readonly refit: boolean;
  /** Dimensions of ours at so many bytes per item, and bits of a code: the default of such data. */
  readonly dim: (bytes: number) => number;
  readonly nbits: (bytes: number) => 4 | 8;
  /** Writes what is needed into the folder `work`; `data` is where the configuration's files are. */
  prepare(data: string, work: string): Promise<{ config: PoeemConfigInput; data: string }>;
}

/** As many as there are codes of 4 bits, and no fewer than the default. */
const usualDim = (bytes: number): number => Math.max(64, 2 * bytes);

const eightBits = (): 8 => 8;
/** Without an order codes of 4 bits find as much, but for the fewest bytes. */
const fewBits = (bytes: number): 4 | 8 => (bytes < 16 ? 8 : 4);

const given = (
  { about, choose, refit, nbits }: Pick<SetKind, "about" | "choose" | "refit" | "nbits">,
  read: (data: string) => GivenSplit,
): SetKind => ({
  ...{ about, choose, refit, nbits, dim: usualDim },
  prepare: async (data, work) => ({ config: await writeSplit(work, "recs", read(data)), data: work }),
});

const sequences = given(
  {
    about: 'sequences.txt, or any file of "user item item …", oldest first: leave-one-out',
    ...{ choose: "recallAt10", refit: false, nbits: eightBits },
  },
  (data) => leaveOneOut(readItemLists(onlyFileOf(data, "sequences.txt"))),
);

const ratingsByTime: SetKind = {
  about: "ratings.dat (user::item::rating::time), movies.dat if there is one: likes, the newest tenth held out",
  choose: "recallAt10",
  refit: true,
  dim: usualDim,
  nbits: eightBits,
  async prepare(data) {
    fileOf(data, "ratings.dat");
    const films = findFile(data, "movies.dat");
    if (films !== undefined && isUtf8(bytesOf(films))) return { config: movielens, data };
    if (films !== undefined) {
      // as MovieLens-1M comes
      const plain = "read_csv('movies.dat*'";
      const items = movielens.data.items.replace(plain, `${plain}, encoding = 'latin-1'`);
      if (items === movielens.data.items) throw new Error(`examples/movielens: data.items without ${plain}`);
      return { config: { ...movielens, data: { ...movielens.data, items } }, data };
    }
    // ids alone: no titles, genres and years to know a film by
    const items = `SELECT DISTINCT item AS id FROM (${movielens.data.events})`;
    return { config: { ...movielens, data: { ...movielens.data, items }, items: {} }, data };
  },
};

export const SETS: Readonly<Record<string, SetKind>> = {
  beauty: sequences,
  sequences,
  goodbooks: {
    about: "interactions.csv and items.csv of goodbooks-10k: a fifth of the pairs held out by hash",
    choose: "recallAt50",
    refit: true,
    // what a code says exactly beats what it says roughly, docs/experiments/trainer.md
    dim: (bytes) => Math.max(32, 2 * bytes),
    nbits: fewBits,
    async prepare(data) {
      fileOf(data, "interactions.csv");
      return { config: goodbooks, data };
    },
  },
  movietweetings: ratingsByTime,
  "ml-1m": ratingsByTime,
  "ml-1m-last": given(
    {
      about: "ratings.dat: all ratings, leave-one-out by time",
      ...{ choose: "recallAt10", refit: false, nbits: eightBits },
    },
    (data) => leaveOneOut(readRatings(fileOf(data, "ratings.dat"))),
  ),
  kgat: given(
    {
      about: 'train.txt and test.txt, each "user item item …", without order',
      ...{ choose: "recallAt20", refit: true, nbits: fewBits },
    },
    (data) => {
      const rows = (file: string): EventRow[] =>
        readItemLists(fileOf(data, file)).flatMap(({ user, items }) => items.map((item) => ({ user, item })));
      return { train: rows("train.txt"), test: rows("test.txt") };
    },
  ),
};

/** @throws Error that names the sets there are */
export function setNamed(name: string): SetKind {
  return SETS[name] ?? unknownNamed("--set", name, Object.keys(SETS));
}
