import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { describe, expect, it } from "vitest";
import { generatedFiles } from "../../../scripts/config-reference.ts";
import { nearest } from "../src/config/nearest.ts";
import { configKeys, referenceText } from "../src/config/reference.ts";
import { loadConfig, type PoeemConfigInput, readConfig, resolveConfig } from "../src/config.ts";

const base = { name: "t", data: { items: "-", events: "-" }, items: {} };
const resolve = (changed: object) => resolveConfig({ ...base, ...changed }, "here");

describe("a wrong key or value", () => {
  it.each([
    [{ indx: {} }, 'here: (top level): Unrecognized key "indx", did you mean "index"? (keys: name, data, items, '],
    [{ index: { nlists: 8 } }, 'here: index: Unrecognized key "nlists", did you mean "nlist"? (keys: nlist, numSub'],
    [{ index: { rooting: 8 } }, 'index: Unrecognized key "rooting", did you mean "routing"? (keys:'],
    [{ model: { history: { form: "mean" } } }, 'model.history: Unrecognized key "form" (keys: as, order, tilt, length'],
    [{ index: { nlist: "64" } }, 'here: index.nlist: expected an integer of at least 0, got "64"'],
    [{ index: { nlist: 1.5 } }, "index.nlist: expected an integer of at least 0, got 1.5"],
    [{ index: { warmup: 1 } }, "index.warmup: expected a number from 0 to 0.95, got 1"],
    [{ index: { nbits: 5 } }, "index.nbits: expected 4 or 8, got 5"],
    [{ training: { epochs: 0 } }, "training.epochs: expected an integer of at least 1, got 0"],
    [{ training: { learningRate: Number.NaN } }, "training.learningRate: expected a number above 0, got NaN"],
    [{ training: { objective: "hing" } }, 'training.objective: expected "softmax" or "full" or "hinge", got "hing"'],
    [{ split: { share: 2 } }, "split.share: expected a number above 0, at most 0.9, got 2"],
    [{ split: { columns: [] } }, "split.columns: expected a list of texts, at least one, got []"],
    [{ items: { text: "title" } }, 'items.text: expected a list of texts, got "title"'],
    [{ items: { text: ["title", ""] } }, 'items.text.1: expected a text that is not empty, got ""'],
    [{ items: { textFromEvents: null } }, "items.textFromEvents: expected true or false, got null"],
    [{ data: { events: "-" } }, "data.items: expected a text that is not empty, got nothing"],
    [
      { data: { items: "-", events: "-", memoryLimit: "1" } },
      'data.memoryLimit: expected a size such as "1GB", got "1"',
    ],
    [
      { name: "A shop" },
      'name: expected 1 to 40 lower-case letters, digits and dashes, the first of them no dash, got "A shop"',
    ],
    [{ model: [] }, "model: expected an object, got []"],
    [{ data: () => 1 }, "data: expected an object, got a function"],
  ])("is named with what was expected: %j", (changed, message) => {
    expect(() => resolve(changed)).toThrow(UserError);
    expect(() => resolve(changed)).toThrow(message);
  });

  it.each([undefined, null, "config", []])("is the whole of it: %j", (input) => {
    expect(() => resolveConfig(input, "here")).toThrow(/^here: \(top level\): expected an object, got /);
  });

  it("is not hidden by another one", () => {
    expect(() => resolve({ index: { nlist: -1, nprobes: 3 }, foo: 1 })).toThrow(
      /nlist: .*; index: .*nprobes.*; .*"foo"/,
    );
  });
});

describe("settings that contradict each other", () => {
  it.each<[Partial<PoeemConfigInput>, string]>([
    [
      { model: { minGram: 5, maxGram: 4 } },
      "model.minGram expected at most model.maxGram (4), got 5; model.maxGram 0 turns n-grams off",
    ],
    [{ model: { minGram: 5 } }, "model.minGram expected at most model.maxGram (4), got 5"],
    [{ model: { maxGram: 2 } }, "model.minGram expected at most model.maxGram (2), got 3"],
    [{ index: { nlist: 8, nprobe: 9 } }, "index.nprobe expected at most index.nlist (8), got 9"],
    [{ index: { nlist: 600, bufferSize: 512 } }, "index.nlist expected at most index.bufferSize (512), got 600"],
    [{ index: { nbits: 8, bufferSize: 255 } }, "index.bufferSize expected at least 256 (2^nbits), got 255"],
    [
      { events: { user: "u" }, training: { objective: "full" } },
      'training.objective expected "softmax" with events.user, whose histories train on no other, got "full"',
    ],
    [
      { events: { user: "u" }, training: { learnScale: true } },
      "training.learnScale expected false with events.user, got true",
    ],
    [
      { training: { earlyStopping: 3 }, split: { validation: 0 } },
      "training.earlyStopping expected 0 where nothing is validated (training.validations 20, ",
    ],
    [
      { training: { earlyStopping: 3, validations: 0 } },
      "training.earlyStopping expected 0 where nothing is validated",
    ],
    [{ training: { margin: 0.2 } }, 'training.margin is for training.objective "hinge", got "softmax"'],
    [{ training: { dislikes: 0.3 } }, "training.dislikes above 0 expected events.weight to name a column, got none"],
    [
      { events: { weight: "w" }, training: { dislikes: 0.3, objective: "hinge" } },
      'training.dislikes above 0 expected training.objective "softmax" or "full", got "hinge"',
    ],
    [
      { training: { itemDropout: 0.1 } },
      "training.itemDropout above 0 expected items.text, items.categories, items.inputs or items.embeddings to name " +
        "a column, got none: without them nothing is known of a new item",
    ],
    [{ index: { nlist: 0, routing: 1 } }, "index.routing expected 0 without cells (index.nlist 0), got 1"],
    [{ model: { dim: 60 } }, "model.dim expected a multiple of index.numSubQuantizers (32), got 60"],
    [{ split: { share: 0.1 } }, 'split.share is for a split by time or by user, got split.by "hash"'],
    [{ events: { query: "item" } }, 'events.query and events.item expected two columns, got "item" for both'],
    [{ events: { user: "item" } }, 'events.user and events.item expected two columns, got "item" for both'],
    [
      { events: { user: "u" }, model: { history: { order: true } } },
      "model.history.order true expected events.time to name a column, got none",
    ],
    [
      { events: { user: "u", time: "t" }, model: { history: { as: "mean", order: true } } },
      'model.history.order expected false for model.history.as "mean", got true',
    ],
    [
      { events: { user: "u", time: "t", query: "q" }, model: { history: { order: true } } },
      "model.history.order expected false where queries have a text or a context too, got true",
    ],
    [
      { events: { user: "u", time: "t" }, model: { history: { tilt: 0.4 } } },
      "model.history.tilt expected 0 with model.history.order, got 0.4",
    ],
    [
      { events: { query: "q", time: "t" }, model: { history: { order: true } } },
      "model.history.order true expected events.user to name a column, got none",
    ],
    [
      { events: { user: "u", time: "t" }, model: { history: { sources: 4 } } },
      "model.history.sources is for model.history.order false, got true",
    ],
    [
      { events: { user: "u", time: "t" }, model: { history: { targets: 4 } } },
      "model.history.targets is for model.history.order false, got true",
    ],
    [
      { events: { user: "u", time: "t" }, training: { logQ: 0.7 } },
      "training.logQ is for model.history.order false, got true",
    ],
    [
      { events: { user: "u" }, training: { historyDropout: 0.5 } },
      "training.historyDropout is for model.history.order true, got false",
    ],
    [{ training: { sourceDropout: 0 } }, "training.sourceDropout is for mixtures of histories alone"],
    [
      { events: { user: "u" }, training: { learningRate: 0.1 } },
      'training.learningRate 0.1 expected training.optimizer beside it: for histories that is "adam", which takes',
    ],
    [
      { events: { user: "u", time: "t" }, training: { towerLearningRate: 0.02 } },
      "training.towerLearningRate 0.02 expected training.optimizer beside it: for ordered histories that is",
    ],
    [
      { events: { query: "q", user: "q" }, model: { history: { as: "mean" } } },
      'events.query and events.user expected two columns, got "q" for both',
    ],
  ])("are refused: %j", (changed, message) => {
    expect(() => resolve(changed)).toThrow(`here: ${message}`);
    // an index from before the check is read all the same
    expect(readConfig({ ...base, ...changed }, "an index")).toMatchObject({ name: "t" });
  });

  it("a history is a mixture unless something else is asked for", () => {
    const formOf = (events: PoeemConfigInput["events"]) => resolve({ events }).model.history.as;
    expect(formOf({ user: "u" })).toBe("mixture");
    const mean = { model: { history: { as: "mean" } } } as const;
    for (const beside of [{ query: "q" }, { context: ["device"] }]) {
      expect(formOf({ user: "u", ...beside })).toBe("mixture");
      expect(resolve({ events: { user: "u", ...beside }, ...mean }).model.history.as).toBe("mean");
    }
    // beside a text or a context the order of a history does not count yet, and settings are those of texts
    const beside = resolve({ events: { user: "u", query: "q", time: "t" } });
    expect(beside.model.history.order).toBe(false);
    expect(beside.training).toEqual(resolve({ events: { query: "q" } }).training);
  });

  it("a mixture has an order where events have a time, unless it is said otherwise", () => {
    const historyOf = (changed: object) => resolve({ events: { user: "u", time: "t" }, ...changed }).model.history;
    expect(historyOf({})).toMatchObject({ as: "mixture", order: true, tilt: 0 });
    expect(historyOf({ model: { history: { order: false } } })).toMatchObject({ order: false, tilt: 0.2 });
    expect(historyOf({ model: { history: { as: "mean" } } })).toMatchObject({ order: false });
    expect(historyOf({ events: { user: "u" } })).toMatchObject({ order: false });
    expect(historyOf({ events: { user: "u", query: "q", time: "t" } })).toMatchObject({ as: "mixture", order: false });
  });

  it("what queries are decides on defaults; those of texts are what they were", () => {
    const { model, index, training } = resolve({});
    expect({ ...model, ...index, ...training }).toMatchObject({
      ...{ dim: 64, hiddenDim: 128, itemNorm: "unit", warmup: 0.4, commitment: 10, start: "random" },
      ...{ optimizer: "adagrad", learningRate: 0.1, towerLearningRate: 0.02, decay: "late", scale: 30 },
      ...{ negatives: 0, logQ: 0, validations: 20, earlyStopping: 0 },
    });
    expect(resolve({ events: { user: "u", query: "q" } }).training).toEqual(training);
    const ordered = resolve({ events: { user: "u", time: "t" } });
    expect(ordered.training).toMatchObject({ start: "spectral", optimizer: "adam", decay: "linear" });
    expect(ordered.training.earlyStopping).toBeGreaterThan(0);
    // nothing to stop by
    expect(resolve({ events: { user: "u", time: "t" }, split: { validation: 0 } }).training.earlyStopping).toBe(0);
    const byHand = { training: { scale: 7 }, model: { history: { length: 9 } } };
    expect(resolve({ events: { user: "u" }, ...byHand })).toMatchObject(byHand);
  });

  it("how long and how soft vectors of histories are follows from their order and their split", () => {
    const of = (events: object, split = {}) => {
      const { model, training } = resolve({ events, split });
      return [model.itemNorm, training.scale, training.learningRate, model.history.tilt, training.sourceDropout];
    };
    expect(of({ user: "u" })).toEqual(["free", 8, 0.0012, 0.2, 0.2]);
    expect(of({ user: "u", time: "t" })).toEqual(["free", 12, 0.003, 0, 0.2]);
    expect(of({ user: "u", time: "t" }, { by: "time" })).toEqual(["unit", 16, 0.002, 0, 0.2]);
    expect(of({ user: "u", query: "q" })).toEqual(["unit", 30, 0.1, 0.4, 0.2]);
  });

  it("items are read as new ones where they have more than ids, and queries more than a history", () => {
    const of = (changed: object) => resolve(changed).training.itemDropout;
    for (const content of [{ text: ["t"] }, { categories: ["t"] }, { inputs: ["t"] }, { embeddings: ["t"] }])
      expect(of({ items: content })).toBeGreaterThan(0);
    expect(of({ items: { text: ["t"] }, training: { itemDropout: 0 } })).toBe(0);
    expect(of({ items: { textFromEvents: true } })).toBe(0);
    expect(of({ items: { text: ["t"] }, events: { user: "u" } })).toBe(0);
    expect(of({ items: { text: ["t"] }, events: { user: "u", time: "t" } })).toBe(0);
  });

  it("rates follow from the optimizer, where only that is named", () => {
    const ratesOf = (events: PoeemConfigInput["events"], optimizer: "adam" | "adagrad", rates = {}) => {
      const { learningRate, towerLearningRate } = resolve({ events, training: { optimizer, ...rates } }).training;
      return [learningRate, towerLearningRate];
    };
    expect(ratesOf({ user: "u" }, "adagrad")).toEqual([0.1, 0.02]);
    expect(ratesOf({ user: "u", time: "t" }, "adagrad")).toEqual([0.1, 0.02]);
    expect(ratesOf({ user: "u", time: "t" }, "adam")).toEqual([0.003, 0.002]);
    expect(ratesOf({ user: "u" }, "adam")).toEqual([0.0012, 0.0012]);
    expect(ratesOf({}, "adagrad")).toEqual([0.1, 0.02]);
    expect(ratesOf({}, "adam")).toEqual([0.002, 0.001]);
    expect(ratesOf({ user: "u" }, "adam", { learningRate: 0.1 })).toEqual([0.1, 0.0012]);
  });

  it.each<Partial<PoeemConfigInput>>([
    { events: { user: "u", time: "t", weight: "w" }, training: { dislikes: 1, sourceDropout: 0 } },
    { events: { user: "u", time: "t" }, model: { history: { order: false, sources: 4 } }, training: { logQ: 1 } },
    { events: { user: "u" }, training: { learningRate: 0.005 } },
    { model: { minGram: 5, maxGram: 0 } },
    { model: { minGram: 4 } },
    { index: { nlist: 0, nprobe: 1 } },
    { index: { nprobe: 64 } },
    { training: { margin: 0.2, objective: "hinge" } },
  ])("are not seen where there are none: %j", (changed) => {
    resolve(changed);
  });
});

describe("keys that did nothing in a training", () => {
  const retired = { index: { distortion: 1, nlist: 8 }, training: { codebookLearningRate: 0.05 } };

  it("are unknown in a new configuration, and read over in that of an index", () => {
    expect(() => resolve(retired)).toThrow(
      /index: Unrecognized key "distortion".*; training: Unrecognized key "codebookL/,
    );
    const { index, training } = readConfig({ ...base, ...retired }, "an index");
    expect(index).toMatchObject({ nlist: 8 });
    expect({ ...index, ...training }).not.toHaveProperty("distortion");
    expect(training).not.toHaveProperty("codebookLearningRate");
    expect(() => readConfig({ ...base, index: { distortions: 1 } }, "an index")).toThrow("Unrecognized key");
  });
});

it("keys that do nothing any more are read over in a file, which says which", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "poeem-retired-")), "poeem.config.mjs");
  const config = { ...base, index: { distortion: 1, nlist: 8 }, training: { codebookLearningRate: 0.05 } };
  await writeFile(file, `export default ${JSON.stringify(config)};\n`);
  const loaded = await loadConfig(file);
  expect(loaded.retired).toEqual(["index.distortion", "training.codebookLearningRate"]);
  expect(loaded.config.index).toMatchObject({ nlist: 8 });
  expect(loaded.config.index).not.toHaveProperty("distortion");
});

it("a file that is none is refused, and not waited for", async () => {
  const file = join(await mkdtemp(join(tmpdir(), "poeem-fifo-")), "poeem.config.mjs");
  execFileSync("mkfifo", [file]);
  await expect(loadConfig(file)).rejects.toThrow(`${file} cannot be loaded: expected a file, got a FIFO`);
});

it("a file that its package.json makes CommonJS of is told where that stands", async () => {
  const folder = await mkdtemp(join(tmpdir(), "poeem-commonjs-"));
  const [file, manifest] = [join(folder, "poeem.config.js"), join(folder, "package.json")];
  // the test runner reads any `export` as a module, so that a mere slip stands for it
  await writeFile(file, "export default {\n");
  await writeFile(manifest, '{ "type": "commonjs" }');
  await expect(loadConfig(file)).rejects.toThrow(`; ${manifest} says "type": "commonjs", expected "module"`);
});

describe("the reference of the configuration", () => {
  it("is generated from the schema as it is: node scripts/config-reference.ts", async () => {
    for (const [path, content] of Object.entries(generatedFiles()))
      expect(await readFile(new URL(`../../../${path}`, import.meta.url), "utf8"), path).toBe(content);
  });

  it("has a text for every key, and every key that a resolved configuration has", () => {
    const keys = configKeys();
    for (const { path, text } of keys) expect(text, path).toMatch(/^[A-Zu].+[.)]$/s);
    const paths = keys.map(({ path }) => path);
    expect(new Set(paths).size).toBe(paths.length);
    const pathsOf = (value: object, prefix = ""): string[] =>
      Object.entries(value).flatMap(([key, one]) => [
        `${prefix}${key}`,
        ...(one && typeof one === "object" && !Array.isArray(one) ? pathsOf(one, `${prefix}${key}.`) : []),
      ]);
    expect(paths).toEqual(expect.arrayContaining(pathsOf(resolve({}))));
    expect(paths).toEqual(expect.arrayContaining(["index.routing", "index.routingScale", "model.history.tilt"]));
  });

  it("says what is required and what form a text has", () => {
    const reference = referenceText(configKeys());
    for (const key of ["name", "data", "items", "data.items"])
      expect(reference).toMatch(new RegExp(`^${key.replace(".", "\\.")}  .*, required$`, "m"));
    expect(reference).toMatch(
      /^name {2}1 to 40 lower-case letters, digits and dashes, the first of them no dash, req/m,
    );
  });

  it("keeps to the width it is given", () => {
    const widest = (columns: number): number =>
      Math.max(
        ...referenceText(configKeys(), columns)
          .split("\n")
          .map((line) => (line.startsWith(" ") ? line.length : 0)),
      );
    expect(widest(60)).toBeLessThanOrEqual(60);
    expect(widest(400)).toBeLessThanOrEqual(100);
  });
});

it("finds the word that was meant, or none", () => {
  const words = ["nlist", "nprobe", "bufferSize"];
  expect(nearest("nlists", words)).toBe("nlist");
  expect(nearest("buffersize", words)).toBe("bufferSize");
  expect(nearest("nprobes", words)).toBe("nprobe");
  expect(nearest("cells", words)).toBeUndefined();
  expect(nearest("x", [])).toBeUndefined();
});
