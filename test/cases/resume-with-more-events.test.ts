import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointStore } from "@poeem/training/train/checkpoint";
import { trainIndex } from "@poeem/training/train-index";
import { expect, it, vi } from "vitest";
import { csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

it("--resume with more events names the data, not the settings that were fitted to them", async () => {
  const events = PRODUCTS.flatMap((product) => queriesOf(product).map((query) => [query, String(product.n)]));
  const files = {
    "items.csv": csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [String(n), title])),
    "events.csv": csv(["query", "item"], ...events.slice(0, 300)),
  };
  const { config, folder, index } = await writeCase(files, {
    name: "case",
    data: { items: "FROM 'items.csv'", events: "FROM 'events.csv'" },
    items: { text: ["title"] },
    model: { dim: 16, hiddenDim: 0 },
    index: { numSubQuantizers: 8 },
    training: { validations: 0 },
  });
  const said: string[] = [];
  const train = (resume: boolean) =>
    trainIndex({
      ...{ config, out: index, resume, backend: "auto", checkpointEvery: 0 },
      say: (line) => void said.push(line),
    });
  // as if it had been killed before its index was whole
  const clear = vi.spyOn(CheckpointStore.prototype, "clear").mockResolvedValue();
  await train(false);
  clear.mockRestore();
  const fitted = said.filter((line) => line.startsWith("settings that fit"));
  await writeFile(join(folder, "events.csv"), csv(["query", "item"], ...events));
  await expect(train(true)).rejects.toThrow(/was made with other data: data.events gives other rows$/);
  const now = said.filter((line) => line.startsWith("settings that fit"));
  expect(now.at(-1)).not.toBe(fitted[0]);
});
