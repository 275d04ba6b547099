import type { Manifest } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import type { PoeemConfig, PoeemConfigInput } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { checkData, checkHeldOut, checkSplit } from "../src/evaluate/check-split.ts";
import { load } from "./make-data.ts";

const items = [1, 2, 3].map((n) => ({ id: `i${n}`, title: `item ${n}` }));
const rows = (queries: readonly string[], part?: readonly string[]): object[] =>
  queries.map((query, i) => ({ query, user: `u${i}`, item: `i${1 + (i % 3)}`, part: part?.[i] ?? null }));
const QUERIES = Array.from({ length: 30 }, (_, i) => `words ${i}`);
const names = { folder: "index", file: "config" };

async function made(parts: Parameters<typeof load>[0], overrides: Partial<PoeemConfigInput> = {}) {
  const { raw, config } = await load(parts, overrides);
  const dataset = buildDataset(raw, config);
  const training = { config, dataHash: raw.hash, heldOutHash: dataset.heldOutHash };
  /** Evaluates an index of that training by this configuration and data. */
  const check = (trained: { config: PoeemConfig; dataHash: string; heldOutHash: string }): void => {
    const manifest = { training: trained } as unknown as Manifest;
    checkSplit(manifest, config, names);
    checkData(manifest, raw, config, names);
    checkHeldOut(manifest, dataset, names);
  };
  return { training, check };
}

describe("an index is evaluated by the split that it was trained with", () => {
  it("and by no other", async () => {
    const events = rows(QUERIES, ["test", ...Array.from({ length: 29 }, () => "train")]);
    const hash = await made({ items, events });
    const modulus = await made({ items, events }, { split: { testModulus: 7 } });
    const column = await made({ items, events }, { split: { column: "part" } });
    const parts = await made({ items, events, test: rows(["other"]) });
    const more = await made({ items, events, test: rows(["other"]), validation: rows(["more"]) });
    const other = await made({ items, events, test: rows(["another"]) });
    for (const { training, check } of [hash, modulus, column, parts, more, other]) {
      expect(() => check(training)).not.toThrow();
    }
    const seen = /held-out queries may have been trained on$/;
    for (const [trained, evaluated, message] of [
      [hash, modulus, /trained with split\.testModulus 10, config says 7/],
      [hash, column, /trained with split\.by "hash", config says "given"/],
      [column, parts, /trained with split\.column "part", config says nothing/],
      [parts, more, /trained without data\.validation, config says "given"/],
      [parts, other, /trained on other data/],
    ] as const) {
      expect(() => evaluated.check(trained.training)).toThrow(message);
      expect(() => evaluated.check(trained.training)).toThrow(seen);
    }
  });

  it("and not by rules of another version of what is one query", async () => {
    const plain = await made({ items, events: rows(QUERIES) });
    const message = /was trained by a version of poeem that holds out other queries/;
    expect(() => plain.check({ ...plain.training, heldOutHash: "00" })).toThrow(message);
  });
});
