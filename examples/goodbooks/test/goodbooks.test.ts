import { existsSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { isHeldOut } from "@poeem/training/data/hold-out";
import { loadData } from "@poeem/training/data/load";
import { describe, expect, it } from "vitest";
import { prepare } from "../src/prepare.ts";

const CONFIG = resolve(import.meta.dirname, "../poeem.config.ts");
const DATA = process.env["POEEM_GOODBOOKS"] ?? resolve(import.meta.dirname, "../../../../shared/data/goodbooks-10k");

describe("prepare-data", () => {
  it("makes the files that the config reads of a release", async () => {
    const source = await mkdtemp(join(tmpdir(), "goodbooks-"));
    const target = join(source, "data");
    await writeFile(join(source, "to_read.csv"), "user_id,book_id\n10,2\n9,1\n9,3\n");
    await writeFile(join(source, "ratings.csv"), "book_id,user_id,rating\n1,9,5\n2,9,3\n4,9,4\n4,9,4\n3,10,1\n");
    await writeFile(
      join(source, "books.csv"),
      "book_id,authors,original_publication_year,title,language_code,image_url\n" +
        '2,"B, C",1997.0,"Two, again",,u2\n1,A,2008.0,One,eng,u1\n3,A,,Three,eng,u3\n4,A,-720.0,Four,eng,u4\n',
    );
    const prepared = await prepare(source, target);
    expect(prepared).toMatchObject({ interactions: 4, items: 4 });
    expect(await readFile(join(target, "interactions.csv"), "utf8")).toBe("user_id,item_id\n9,1\n9,3\n9,4\n10,2\n");
    const { config } = await loadConfig(CONFIG);
    const raw = await loadData(config, target);
    expect([...raw.ids]).toEqual(["1", "2", "3", "4"]);
    expect(raw.items.texts.get("title")).toEqual(["One", "Two, again", "Three", "Four"]);
    expect([...raw.items.numbers.get("year")!]).toEqual([2008, 1997, Number.NaN, -720]);
    expect(raw.events.user!.values).toEqual(["10", "9"]);
    await expect(prepare(target, source)).rejects.toThrow(/expected ratings\.csv, to_read\.csv, books\.csv in/);
  });
});

// the data is not part of the repository; POEEM_GOODBOOKS names its folder
const found = existsSync(DATA);
describe.skipIf(!found)(found ? "the data set" : "the data set (skipped: POEEM_GOODBOOKS names no folder)", () => {
  it("has the split that all figures are of: 49,204 readers, 311,601 held-out pairs", async () => {
    const { config, directory } = await loadConfig(CONFIG);
    const raw = await loadData(config, directory, { data: DATA, strict: true });
    const dataset = buildDataset(raw, config);
    expect(raw.report).toMatchObject({ items: 10_000, events: 1_561_338 });
    expect(dataset.test.count).toBe(49_204);
    expect(dataset.test.relevant.values).toHaveLength(311_601);
    expect(dataset.left).toEqual({ repeats: 0, withoutHistory: 154 });
    expect(dataset.validation.count).toBe(1000);
    const { offsets, values } = dataset.test.relevant;
    for (let query = 0; query < dataset.test.count; query += 97) {
      for (const item of values.subarray(offsets[query], offsets[query + 1])) {
        expect(isHeldOut(`${dataset.test.users[query]}\t${dataset.ids.at(item)}`, 5)).toBe(true);
      }
    }
  });
});
