import { countsOf } from "@poeem/training/data/csr";
import { rankByPopularity } from "@poeem/training/evaluate/popularity";
import { K } from "../task.ts";
import type { Peer } from "./peer.ts";

export const POPULARITY: Peer = {
  name: "popularity",
  seeded: false,
  sized: false,
  async *rank({ fitAll, numItems, test }) {
    const counts = countsOf(fitAll.values, numItems);
    yield {
      method: "popularity",
      bytesPerItem: 4,
      settings: {},
      ranked: rankByPopularity(counts, test.histories, K),
    };
  },
};
