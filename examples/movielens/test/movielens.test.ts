import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { loadConfig, type PoeemConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { describe, expect, it } from "vitest";

const CONFIG = resolve(import.meta.dirname, "../poeem.config.ts");
const DATA =
  process.env["POEEM_MOVIETWEETINGS"] ?? resolve(import.meta.dirname, "../../../../shared/data/movietweetings");

const MOVIES = [
  "0000628::The Adventures of Dollie (1908)::Action|Short",
  "2::Fantômas: À l'ombre (Part 1) (1913)::Crime",
  '3::Plain "quoted::',
  "4::Nothing (2000) said::(no genres listed)",
];
const RATINGS = ["7::2::5::30", "7::0000628::4::20", "7::3::3::10", "8::3::4::40", "8::2::5::5"];

async function write(movies: string | Uint8Array, gzip: boolean): Promise<{ config: PoeemConfig; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "movielens-"));
  const end = gzip ? ".gz" : "";
  const content = (data: string | Uint8Array): string | Uint8Array => (gzip ? gzipSync(data) : data);
  await writeFile(join(folder, `movies.dat${end}`), content(movies));
  await writeFile(join(folder, `ratings.dat${end}`), content(`${RATINGS.join("\n")}\n`));
  const { config } = await loadConfig(CONFIG);
  return { config, folder };
}

describe("the reader of MovieLens files", () => {
  it.each([false, true])("takes title, year, genres, likes and times apart, gzip: %s", async (gzip) => {
    const { config, folder } = await write(`${MOVIES.join("\n")}\n`, gzip);
    const raw = await loadData(config, folder, { data: folder });
    expect([...raw.ids]).toEqual(["0000628", "2", "3", "4"]);
    const { texts, numbers } = raw.items;
    expect(texts.get("title")).toEqual([
      "The Adventures of Dollie",
      "Fantômas: À l'ombre (Part 1)",
      'Plain "quoted',
      "Nothing (2000) said",
    ]);
    expect([...numbers.get("year")!]).toEqual([1908, 1913, Number.NaN, Number.NaN]);
    expect(texts.get("genres")).toEqual([["Action", "Short"], ["Crime"], [], []]);
    // likes, each person's oldest first
    const { user, item } = raw.events;
    expect(Array.from(item, (number, e) => `${user!.values[user!.numbers[e]!]} ${raw.ids.at(number)}`)).toEqual([
      "7 0000628",
      "7 2",
      "8 2",
      "8 3",
    ]);
  });

  it("says so when titles are in Latin-1", async () => {
    const { config, folder } = await write(Buffer.from(`${MOVIES.join("\n")}\n`, "latin1"), false);
    await expect(loadData(config, folder, { data: folder })).rejects.toThrow(/data\.items: .*(utf-8|unicode)/i);
  });
});

// the data is not part of the repository; POEEM_MOVIETWEETINGS names its folder
const found = existsSync(DATA);
describe.skipIf(!found)(
  found ? "MovieTweetings" : "MovieTweetings (skipped: POEEM_MOVIETWEETINGS names no folder)",
  () => {
    it("is split by time, with several genres a film and a standardised year", async () => {
      const { config, directory } = await loadConfig(CONFIG);
      const dataset = buildDataset(await loadData(config, directory, { data: DATA }), config);
      expect(dataset.ids).toHaveLength(12_611);
      expect(dataset.test.count).toBe(2542);
      expect([dataset.ordered, dataset.halfLife]).toEqual([true, 0.06]);
      expect(dataset.categoryNames).toHaveLength(25);
      const { values } = dataset.itemNumbers!;
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0, 3);
      expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(1, 2);
    });
  },
);
