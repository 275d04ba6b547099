import { InputError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { answerQuestion, createQueryTower } from "../src/index.ts";
import { idsOf, openShop } from "./shop.ts";

const ITEMS = ["red shoe", "blue shoe", "red hat", "green scarf", "wool scarf"].map((title, i) => ({
  id: `${i}`,
  title,
}));
const shop = await openShop(ITEMS);
const plain = { ...shop, words: undefined };
/** A tower that reads vectors alone: those of the shop's own texts. */
const tower = createQueryTower({
  ...{ width: shop.tower.dim, layers: [], skip: false },
  inputs: [{ kind: "embedding", columns: [{ name: "vec", length: shop.tower.dim, map: undefined }] }],
});
const embeddingOf = (text: string): Float32Array => shop.tower.embed({ text }) as Float32Array;

describe("a text with its embedding, of a tower that reads no text", () => {
  it.each(["hybrid", "dense"] as const)("is answered as by a tower that makes the same vector, %s", async (mode) => {
    for (const text of ["red shoe", "scarf -wool", '"hat"']) {
      const options = { mode, k: 5 };
      const embedding = embeddingOf(text.replace(" -wool", "").replaceAll('"', ""));
      const found = await answerQuestion({ ...shop, tower }, { text, embedding }, options);
      const expected = await answerQuestion(shop, { text }, options);
      expect(await idsOf(shop, found)).toEqual(await idsOf(shop, expected));
      found!.scores.forEach((score, i) => {
        expect(score).toBeCloseTo(expected!.scores[i]!, 5);
      });
    }
  });

  it("is answered by codes where there are no words, and by words where there is no embedding", async () => {
    const asked = { text: "red shoe", embedding: embeddingOf("red shoe") };
    const byCodes = await answerQuestion({ ...plain, tower }, asked, { k: 1 });
    expect(await idsOf(plain, byCodes)).toEqual(["0"]);
    const byWords = await answerQuestion({ ...shop, tower }, { text: "red shoe" }, { k: 1 });
    expect(await idsOf(shop, byWords)).toEqual(["0"]);
    await expect(answerQuestion({ ...plain, tower }, { text: "red shoe" })).rejects.toThrow(InputError);
  });

  it("is refused by words alone, which read no embedding", async () => {
    const asked = answerQuestion({ ...shop, tower }, { text: "red", embedding: embeddingOf("red") }, { mode: "words" });
    await expect(asked).rejects.toThrow("expected hybrid or dense, got words, which read no embedding");
  });
});
