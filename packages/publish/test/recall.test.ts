import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { publishInto } from "../src/publish-into.ts";
import { checkRecall, evaluatedRecall, type Recall } from "../src/recall.ts";
import { rollbackTo } from "../src/rollback.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, makeArtifact } from "./artifacts.ts";
import { MemoryStore } from "./memory-store.ts";

const of = (recallAt10: number, recallQueries = 100): Recall => ({ recallAt10, recallQueries });

describe("the recall of a version", () => {
  it("stays in its record when another replaces it and when it serves again", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    const { clock } = store;
    await publishInto(store, first, { clock, recall: of(0.6) });
    store.now += 1000;
    await publishInto(store, second, { clock, recall: of(0.5) });
    await rollbackTo(store, "current", undefined, { clock });
    const { pointer, versions } = await readPublished(store, "current");
    expect(pointer?.version).toBe(first.manifest.version);
    expect(versions.map(({ version, recallAt10 }) => [version, recallAt10])).toEqual([
      [first.manifest.version, 0.6],
      [second.manifest.version, 0.5],
    ]);
  });

  it.each([
    ["as good", 0.6, 0.05, "recall@10 0.6000, 0.6000 of version"],
    ["better", 0.7, 0, "recall@10 0.7000, 0.6000 of version"],
    ["lower by just what is allowed", 0.57, 0.05, "recall@10 0.5700, 0.6000 of version"],
  ])("lets an index pass that is %s", async (_, recall, maxLoss, sentence) => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock, recall: of(0.6) });
    expect(await checkRecall(store, "current", of(recall), maxLoss)).toContain(sentence);
  });

  it.each([
    [0.569, 0.05, /lost 5\.17 %, at most 5 % allowed/],
    [0.5999, 0, /lost 0\.02 %, at most 0 % allowed/],
    [0, 0.5, /lost 100 %, at most 50 % allowed/],
  ])("refuses %f of 0.6 with %f allowed, and writes nothing", async (recall, maxLoss, message) => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock, recall: of(0.6) });
    const before = store.snapshot();
    await expect(checkRecall(store, "current", of(recall), maxLoss)).rejects.toThrow(message);
    expect(store.snapshot()).toEqual(before);
  });

  it("says that there is nothing to compare with", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    expect(await checkRecall(store, "current", of(0.6), 0)).toContain("nothing serves as current");
    await publishInto(store, first, { clock: store.clock });
    await expect(checkRecall(store, "current", of(0.6), 0.9)).rejects.toThrow(
      /none is known of version \w+, which serves: [^\n]*; nothing was published$/,
    );
    expect(await checkRecall(store, "current", of(0.6), 1)).toContain("none is known");
    expect(await checkRecall(store, "books", of(0.6), 0)).toContain("nothing serves as books");
  });

  it("stays when the version is published again from a folder without an evaluation", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock, recall: of(0.6) });
    await publishInto(store, first, { clock: store.clock });
    expect((await readPublished(store, "current")).versions).toMatchObject([of(0.6)]);
    await publishInto(store, first, { clock: store.clock, recall: of(0.5, 90) });
    expect((await readPublished(store, "current")).versions).toMatchObject([of(0.5, 90)]);
  });

  it.each([1, 2])(
    "stays, and is not taken for none, while KV's list is behind the pointer: version %i",
    async (next) => {
      const [store, first] = [new MemoryStore(60_000), await checkedArtifact(1)];
      await publishInto(store, first, { clock: store.clock, recall: of(0.6) });
      const seenFrom = store.now + 50_000;
      const list = store.list.bind(store);
      store.list = async (prefix) => {
        const all = await list(prefix);
        return store.now < seenFrom ? all.filter(({ key }) => !key.startsWith("version/")) : all;
      };
      await expect(checkRecall(store, "current", of(0.1), 0.05)).rejects.toThrow("none is known");
      await publishInto(store, await checkedArtifact(next), { clock: store.clock });
      store.now = seenFrom;
      expect((await readPublished(store, "current")).versions[0]).toMatchObject(of(0.6));
    },
  );

  it.each([
    [1, 100],
    [100, 1],
    [49, 100],
  ])("is not compared over %i queries with that over %i", async (now, before) => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock, recall: of(0.6, before) });
    const message = `${now} queries against ${before}, too unlike to compare`;
    await expect(checkRecall(store, "current", of(1, now), 0.05)).rejects.toThrow(message);
    expect(await checkRecall(store, "current", of(1, before), 0.05)).toContain("1.0000");
  });

  it("refuses an index that was not evaluated", async () => {
    await expect(checkRecall(new MemoryStore(), "current", undefined, 0.1)).rejects.toThrow(
      /`poeem evaluate --report` after `poeem train`/,
    );
  });
});

describe("the evaluation in an index folder", () => {
  let folder: string;
  let version: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "poeem-recall-"));
    const artifact = await makeArtifact(1);
    version = artifact.manifest.version;
    await writeIndexDirectory(folder, artifact, {});
    await mkdir(join(folder, "model"), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = (text: string): Promise<void> => writeFile(join(folder, "model/evaluation.json"), text);

  it("is that of this very version, or none", async () => {
    expect(await evaluatedRecall(folder)).toBeUndefined();
    await write(JSON.stringify({ version, recallAt10: 0.25, queries: 40 }));
    expect(await evaluatedRecall(folder)).toEqual({ recallAt10: 0.25, recallQueries: 40 });
    await write(JSON.stringify({ version: "another", recallAt10: 0.25 }));
    expect(await evaluatedRecall(folder)).toBeUndefined();
    await write(JSON.stringify({ version }));
    expect(await evaluatedRecall(folder)).toBeUndefined();
  });

  it("is refused when damaged, in one line", async () => {
    await write("{");
    await expect(evaluatedRecall(folder)).rejects.toThrow(/model\/evaluation\.json cannot be read as JSON: [^\n]*$/);
    await write(JSON.stringify({ version, recallAt10: 1.5 }));
    await expect(evaluatedRecall(folder)).rejects.toThrow(/recallAt10 expected a number from 0 to 1, got 1\.5$/);
    await write(JSON.stringify({ version, recallAt10: 0.5 }));
    await expect(evaluatedRecall(folder)).rejects.toThrow(/queries expected a whole number above 0, got undefined$/);
  });
});
