import type { PoeemConfig } from "../config.ts";
import { countsOf, listOf } from "../data/csr.ts";
import { textsFromColumns, textsFromEvents } from "../data/item-texts.ts";
import type { Dataset, QuerySet, RawData } from "../data/types.ts";
import { leftOut } from "../rank/left-out.ts";
import { wordColumns } from "../words/item-words.ts";
import { itemQueries } from "../words/queries.ts";
import { buildLexicalIndex } from "./bm25.ts";
import { buildBm25fIndex } from "./bm25f.ts";
import type { Baseline } from "./evaluation.ts";
import { type LexicalIndex, withoutSeen } from "./inverted-file.ts";
import { itemNeighbours, NEIGHBOURS, rankByNeighbours } from "./item-knn.ts";
import { rankByPopularity } from "./popularity.ts";
import { buildTfidfIndex } from "./tfidf.ts";
import { trainingLists } from "./training-lists.ts";

/** The rankings to stand beside the model: popularity always, item-kNN for histories, BM25F and others for texts. */
export function baselinesFor(queries: QuerySet, raw: RawData, config: PoeemConfig, dataset: Dataset): Baseline[] {
  const numItems = dataset.ids.length;
  const lists = trainingLists(dataset);
  const notFound = leftOut(queries);
  const baselines: Baseline[] = [
    {
      name: "popularity",
      bytesPerItem: 4,
      rank: (k) => rankByPopularity(countsOf(lists.values, numItems), notFound, k),
    },
  ];
  if (queries.users.length > 0) {
    baselines.push({
      name: `item-kNN (cosine, ${NEIGHBOURS})`,
      // a number and a similarity each
      bytesPerItem: NEIGHBOURS * 8,
      rank: (k) => rankByNeighbours(itemNeighbours(lists, numItems), queries.histories, k, notFound),
    });
  }
  if (queries.texts.length > 0) {
    const lexical = (name: string, build: () => LexicalIndex): Baseline => ({
      name,
      bytesPerItem: null,
      rank(k) {
        const index = build();
        return queries.texts.map((text, query) => {
          const seen = listOf(notFound, query);
          return withoutSeen(index.search(text, k + seen.length), seen, k);
        });
      },
    });
    baselines.push(
      lexical("BM25F", () =>
        buildBm25fIndex(raw.items, wordColumns(raw.items, config), itemQueries(numItems, dataset.train)),
      ),
    );
    if (config.items.text.length > 0 || config.items.textFromEvents) {
      const texts = lexicalTexts(raw, config, dataset);
      baselines.push(
        lexical("BM25 (MiniSearch)", () => buildLexicalIndex(texts)),
        lexical("TF-IDF", () => buildTfidfIndex(texts)),
      );
    }
  }
  return baselines;
}

/** What the item tower reads of each item: its text columns and, if configured, its training queries. */
function lexicalTexts(raw: RawData, config: PoeemConfig, dataset: Dataset): string[] {
  const columns = textsFromColumns(raw, config.items.text);
  if (!config.items.textFromEvents) return columns;
  return textsFromEvents(raw.ids.length, dataset.train).map((text, item) => `${columns[item]}\n${text}`);
}
