import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { loadData } from "../src/data/load.ts";

it.each<[string, Partial<PoeemConfigInput>]>([
  ["a context", { events: { user: "user", time: "day", context: ["day"] } }],
  ["what is hashed", { events: { user: "user", time: "day" }, split: { by: "hash", columns: ["day"] } }],
])("a time may be %s too, however the file writes its dates", async (_, changed) => {
  const folder = await mkdtemp(join(tmpdir(), "poeem-time-"));
  await writeFile(join(folder, "events.csv"), "user,item,day\nu,b,14-02-2020\nu,a,13-03-2019\n");
  const data = { items: "SELECT unnest(['a', 'b']) AS id", events: "SELECT * FROM 'events.csv'" };
  const config = resolveConfig({ name: "t", data, items: {}, model: { history: { as: "mean" } }, ...changed }, "test");
  const { events, ids } = await loadData(config, folder);
  // oldest first
  expect(Array.from(events.item, (item) => ids.at(item))).toEqual(["a", "b"]);
  expect(events.columns.get("day")!.values).toEqual(["2019-03-13", "2020-02-14"]);
});

it.each<[Partial<PoeemConfigInput>, string]>([
  [{ events: { context: ["item"] } }, 'events.context expected another column than events.item, got "item"'],
  [{ split: { column: "item" } }, 'split.column expected another column than events.item, got "item"'],
])("the answer is nothing that a question says: %j", (changed, message) => {
  const data = { items: "x", events: "y" };
  expect(() => resolveConfig({ name: "t", data, items: {}, ...changed }, "c")).toThrow(`c: ${message}`);
});
