import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { publishInto } from "../src/publish-into.ts";
import { checkRecall, evaluatedRecall } from "../src/recall.ts";
import { rollbackTo } from "../src/rollback.ts";
import { readPublished } from "../src/versions.ts";
import { checkedArtifact, makeArtifact } from "./artifacts.ts";
import { MemoryStore } from "./memory-store.ts";

describe("the recall of a version", () => {
  it("stays in its record when another replaces it and when it serves again", async () => {
    const [store, first, second] = [new MemoryStore(), await checkedArtifact(1), await checkedArtifact(2)];
    const { clock } = store;
    await publishInto(store, first, { clock, recallAt10: 0.6 });
    store.now += 1000;
    await publishInto(store, second, { clock, recallAt10: 0.5 });
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
    await publishInto(store, first, { clock: store.clock, recallAt10: 0.6 });
    expect(await checkRecall(store, "current", recall, maxLoss)).toContain(sentence);
  });

  it.each([
    [0.569, 0.05, /lost 5\.17 %, at most 5 % allowed/],
    [0.5999, 0, /lost 0\.02 %, at most 0 % allowed/],
    [0, 0.5, /lost 100 %, at most 50 % allowed/],
  ])("refuses %f of 0.6 with %f allowed, and writes nothing", async (recall, maxLoss, message) => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    await publishInto(store, first, { clock: store.clock, recallAt10: 0.6 });
    const before = store.snapshot();
    await expect(checkRecall(store, "current", recall, maxLoss)).rejects.toThrow(message);
    expect(store.snapshot()).toEqual(before);
  });

  it("says that there is nothing to compare with", async () => {
    const [store, first] = [new MemoryStore(), await checkedArtifact(1)];
    expect(await checkRecall(store, "current", 0.6, 0)).toContain("nothing serves as current");
    await publishInto(store, first, { clock: store.clock });
    expect(await checkRecall(store, "current", 0.6, 0)).toMatch(/version \w+ serves and was published without one/);
    expect(await checkRecall(store, "books", 0.6, 0)).toContain("nothing serves as books");
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
    await write(JSON.stringify({ version, recallAt10: 0.25 }));
    expect(await evaluatedRecall(folder)).toBe(0.25);
    await write(JSON.stringify({ version: "another", recallAt10: 0.25 }));
    expect(await evaluatedRecall(folder)).toBeUndefined();
    await write(JSON.stringify({ version }));
    expect(await evaluatedRecall(folder)).toBeUndefined();
  });

  it("is refused when damaged, in one line", async () => {
    await write("{");
    await expect(evaluatedRecall(folder)).rejects.toThrow(/model\/evaluation\.json cannot be read: [^\n]*$/);
    await write(JSON.stringify({ version, recallAt10: 1.5 }));
    await expect(evaluatedRecall(folder)).rejects.toThrow(/recallAt10 expected a number from 0 to 1, got 1\.5$/);
  });
});
