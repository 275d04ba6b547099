import { FormatError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import {
  type HistoryWeights,
  type QueryTowerWeights,
  readItemTower,
  readQueryTower,
  writeItemTower,
  writeQueryTower,
} from "../src/index.ts";
import {
  type AnyHeader,
  arraysOf,
  contextInput,
  DIM,
  denseLayer,
  edited,
  headerOf,
  historyInput,
  historyTower,
  itemTower,
  leaningTower,
  replaced,
  textInput,
  textTower,
  withHeader,
} from "./helpers.ts";

const MIXTURE = writeQueryTower(historyTower("mixture", 3, 0.4));
const POOLED = writeQueryTower(historyTower("attention"));
const TEXT = writeQueryTower(textTower());
const ITEM = writeItemTower(itemTower());
/** An item tower whose categories have these names. */
const itemFile = (names: readonly string[]): Uint8Array =>
  writeItemTower({
    ...itemTower(),
    inputs: itemTower().inputs.map((input) => (input.kind === "category" ? { ...input, names } : input)),
  });
// order of the sections: as in the weights, then the layers
const [TEXT_AT, HISTORY_AT, CONTEXT_AT, LAYERS_AT] = [0, 1, 2, 3];

function patched(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  change(new DataView(copy.buffer));
  return copy;
}

/** The pooled tower with other settings of one section. */
const settings = (section: number, changes: object): Uint8Array =>
  edited(POOLED, ({ sections }) => Object.assign(sections[section].settings, changes));
const pooled = (change: (sections: AnyHeader[]) => unknown): Uint8Array =>
  edited(POOLED, ({ sections }) => void change(sections));
const mixture = (changes: object): Uint8Array =>
  edited(MIXTURE, ({ sections }) => Object.assign(sections[0].settings, changes));

function expectRefused(read: () => unknown, where: string, message: string): void {
  expect(read).toThrow(FormatError);
  expect(read).toThrow(`[pq-core] ${where}: ${message}`);
}

describe("bytes of a query tower", () => {
  // an object that refuses to become a string must not end the reader with another error
  const unprintable = { toString: 1, valueOf: 1 };
  const refused: [string, Uint8Array, string][] = [
    ["no bytes", new Uint8Array(0), '"bytes" expected at least 16 bytes, got 0'],
    [
      "a wrong magic",
      patched(TEXT, (view) => view.setUint32(0, 0x41414141, true)),
      '"magic" expected PQTW, got "AAAA"',
    ],
    ["the magic of an item tower", ITEM, '"magic" expected PQTW, got "PQIT"'],
    ["another version", patched(TEXT, (view) => view.setUint32(4, 9, true)), '"format version" expected 4 to 8, got 9'],
    ["a huge header", patched(TEXT, (view) => view.setUint32(8, 2 ** 31, true)), '"header length" expected at most'],
    [
      "a wrong total",
      patched(TEXT, (view) => view.setUint32(12, 64, true)),
      `"total length" expected ${TEXT.length} bytes, got 64`,
    ],
    ["a cut tail", TEXT.subarray(0, TEXT.length - 16), '"total length" expected'],
    ["a header that is no JSON", withHeader(TEXT, "(sections)"), '"header" expected JSON, got something else'],
    [
      "a header that is no UTF-8",
      withHeader(TEXT, Uint8Array.of(0x22, 0xff, 0x22)),
      '"header" expected JSON, got something else',
    ],
    ["a header that is no object", withHeader(TEXT, "null"), '"header" expected an object, got null'],
    [
      "no list of sections",
      withHeader(TEXT, '{"sections":{}}'),
      '"sections" expected a list of at most 64, got an object',
    ],
    [
      "too many sections",
      withHeader(TEXT, JSON.stringify({ sections: new Array(65).fill(null) })),
      '"sections" expected a list of at most 64, got a list of 65',
    ],
    ["a section that is none", pooled((s) => (s[0] = 5)), '"section" expected an object, got 5'],
    ["a section without a kind", pooled((s) => delete s[0].kind), '"section.kind" expected a string, got undefined'],
    [
      "a section without settings",
      pooled((s) => (s[0].settings = null)),
      '"text.settings" expected an object, got null',
    ],
    ["a section without arrays", pooled((s) => delete s[0].arrays), '"text.arrays" expected a list, got undefined'],
    [
      "an array of an unknown type",
      pooled((s) => (s[0].arrays[0] = ["f64", 3])),
      '"text.arrays" expected pairs of f32, u32, i8, u8 and a length, got a list of 2',
    ],
    ["an array of no type", pooled((s) => (s[0].arrays[0] = [unprintable, 3])), '"text.arrays" expected pairs of'],
    [
      "an array of no length",
      pooled((s) => (s[0].arrays[0][1] = -1)),
      '"text.arrays" expected an integer in 0…2147483648, got -1',
    ],
    ["an array past the end", pooled((s) => (s[0].arrays[0][1] = 1e6)), '"bytes" expected at least'],
    ["bytes left over", pooled((s) => s[LAYERS_AT].arrays.pop()), '"bytes" expected'],
    [
      "a kind that nobody knows",
      pooled((s) => (s[0].kind = "image")),
      '"section" expected one of text, history, context, embedding, layers, got image',
    ],
    [
      "a kind of items",
      pooled((s) => (s[0].kind = "category")),
      '"section" expected one of text, history, context, embedding, layers, got category',
    ],
    ["no layers", pooled((s) => (s[LAYERS_AT].kind = "text")), '"layers" expected a section, got none'],
    ["a width of 0", settings(LAYERS_AT, { width: 0 }), '"width" expected an integer in 1…16384, got 0'],
    ["a skip that is no boolean", settings(LAYERS_AT, { skip: 1 }), '"skip" expected a boolean, got 1'],
    ["a unit that is no boolean", settings(LAYERS_AT, { unit: null }), '"unit" expected a boolean, got null'],
    ["layers of no list", settings(LAYERS_AT, { layers: "4" }), '"layers" expected at most 8 pairs, got 4'],
    [
      "too many layers",
      settings(LAYERS_AT, { layers: new Array(9).fill([4, 4]) }),
      '"layers" expected at most 8 pairs, got a list of 9',
    ],
    ["a layer that is no pair", settings(LAYERS_AT, { layers: [4] }), '"layers[0]" expected two numbers, got 4'],
    ["a layer of another input", settings(LAYERS_AT, { layers: [[5, 4]] }), '"layers[0].inputDim" expected 4, got 5'],
    [
      "layers that do not chain",
      settings(LAYERS_AT, {
        layers: [
          [4, 4],
          [3, 4],
        ],
      }),
      '"layers[1].inputDim" expected 4, got 3',
    ],
    [
      "a layer of no output",
      settings(LAYERS_AT, { layers: [[4, 0]] }),
      '"layers[0].outputDim" expected an integer in 1…16384, got 0',
    ],
    [
      "a layer without its weights",
      settings(LAYERS_AT, {
        layers: [
          [4, 4],
          [4, 4],
        ],
      }),
      '"layers[2]" expected f32 of length 16, got nothing',
    ],
    [
      "a layer of too few weights",
      settings(LAYERS_AT, { layers: [[4, 5]] }),
      '"layers[0]" expected f32 of length 20, got f32 of length 16',
    ],
    [
      "a skip past layers of another width",
      edited(TEXT, ({ sections }) => {
        sections[1].settings.layers.pop();
      }),
      '"skip" expected an output as wide as the sum (8), got 12',
    ],
    [
      "no tokenizer",
      settings(TEXT_AT, { tokenizer: undefined }),
      '"text.tokenizer.minGram" expected an integer in 0…65536, got undefined',
    ],
    [
      "a tokenizer of no number",
      settings(TEXT_AT, { tokenizer: { minGram: 2, maxGram: unprintable, maxChars: 64 } }),
      '"text.tokenizer.maxGram" expected an integer in 0…65536, got an object',
    ],
    [
      "a tokenizer of another version",
      settings(TEXT_AT, { tokenizer: { version: 3, minGram: 2, maxGram: 4, maxChars: 64 } }),
      '"text.tokenizer.version" expected an integer in 1…2, got 3',
    ],
    [
      "a weight of new items below 0",
      settings(TEXT_AT, { weightOfNew: -1 }),
      '"text.weightOfNew" expected a number of at least 0, got -1',
    ],
    [
      "hashes of another type",
      pooled((s) => (s[TEXT_AT].arrays[0][0] = "f32")),
      '"text[0]" expected u32, got f32 of length',
    ],
    [
      "hashes out of order",
      patched(TEXT, (view) => view.setUint32(arraysOf(TEXT) + 4, 0, true)),
      '"hashes[1]" expected more than',
    ],
    [
      "a form that nobody knows",
      settings(HISTORY_AT, { form: "sum" }),
      '"history.form" expected mixture, mean or attention, got sum',
    ],
    ["no length", settings(HISTORY_AT, { length: 0 }), '"history.length" expected an integer in 1…1000, got 0'],
    ["too long a history", mixture({ length: 1001 }), '"history.length" expected an integer in 1…1000, got 1001'],
    [
      "a scale of 0",
      settings(HISTORY_AT, { scale: 0 }),
      '"history.scale" expected a positive number up to 1000000, got 0',
    ],
    ["a tilt below 0", mixture({ tilt: -1 }), '"history.tilt" expected a number in 0…1000, got -1'],
    ["a lean below 0", mixture({ lean: -1 }), '"history.lean" expected a number in 0…1000, got -1'],
    ["a lean of text", mixture({ lean: "far" }), '"history.lean" expected a number in 0…1000, got far'],
    [
      "a lean of attention",
      settings(HISTORY_AT, { lean: 1 }),
      '"history.lean" expected none except for a mixture, got 1',
    ],
    ["a tilt of attention", settings(HISTORY_AT, { tilt: 1 }), '"history.tilt" expected 0 except for a mixture, got 1'],
    ["attention of another width", settings(HISTORY_AT, { form: "mixture" }), '"history[2]" expected f32, got nothing'],
    [
      "a mixture without terms",
      edited(writeQueryTower(historyTower("mean")), ({ sections }) => {
        sections[HISTORY_AT].settings.form = "mixture";
        sections[HISTORY_AT].arrays = ["i8", "f32", "f32"].map((type) => [type, 0]);
      }),
      '"history.terms" expected an integer in 1…65536, got 0',
    ],
    [
      "terms of another width",
      edited(MIXTURE, ({ sections }) => {
        sections[0].arrays[0][1] = 17;
      }),
      '"history[0]" expected i8 of length 20, got i8 of length 17',
    ],
    [
      "contexts of no list",
      replaced(POOLED, '["device', '{"device'),
      '"context.names" expected a list of different names, got something else',
    ],
    [
      "a context without a value",
      replaced(POOLED, "device\\tdesk", "device__desk"),
      '"context.names" expected a list of different names, got something else',
    ],
    [
      "fewer context rows than names",
      edited(POOLED, ({ sections }) => {
        sections[CONTEXT_AT].arrays[1][1] = 11;
      }),
      '"context[1]" expected f32 of length 12, got f32 of length 11',
    ],
    [
      "an array too many",
      edited(POOLED, ({ sections }) => sections[CONTEXT_AT].arrays.push(["f32", 0])),
      '"context.arrays" expected 2 arrays, got 3',
    ],
    [
      "a NaN weight",
      patched(TEXT, (view) => view.setFloat32(view.byteLength - 32, Number.NaN, true)),
      '"weights" expected finite numbers, got NaN or infinity',
    ],
  ];
  it.each(refused)("are refused with %s", (_, bytes, message) =>
    expectRefused(() => readQueryTower(bytes), "query tower", message),
  );

  it("are refused with two inputs of a kind", () => {
    const weights = { ...historyTower("mean"), inputs: [contextInput(), contextInput()] };
    expectRefused(() => writeQueryTower(weights), "query tower", '"section" expected one context, got two');
  });

  it("are refused when cut anywhere", () => {
    for (const whole of [MIXTURE, POOLED])
      for (let length = 0; length < whole.length; length += 7) {
        const bytes = whole.slice(0, length);
        expect(() => readQueryTower(bytes)).toThrow(FormatError);
        if (length < 16) continue;
        new DataView(bytes.buffer).setUint32(12, length, true);
        expect(() => readQueryTower(bytes)).toThrow(FormatError);
      }
  });

  it("lay out as the specification says", () => {
    const { sections } = headerOf(MIXTURE);
    expect(sections).toEqual([
      {
        kind: "history",
        settings: { form: "mixture", length: 3, scale: 7, tilt: 0.4 },
        arrays: [
          ["i8", 20],
          ["f32", 5],
          ["f32", 5],
        ],
      },
      { kind: "layers", settings: { width: 4, skip: false, unit: true, layers: [] }, arrays: [] },
    ]);
    const start = arraysOf(MIXTURE);
    const { values, scales, bias } = historyInput("mixture").partition!;
    expect(new Int8Array(MIXTURE.buffer, start, 20)).toEqual(values);
    expect(new Float32Array(MIXTURE.buffer, start + 32, 5)).toEqual(scales);
    expect(new Float32Array(MIXTURE.buffer, start + 64, 5)).toEqual(bias);
    expect(MIXTURE.length).toBe(start + 96);
  });
});

describe("bytes of an item tower", () => {
  const at = (kind: string, change: (section: AnyHeader) => void): Uint8Array =>
    edited(ITEM, ({ sections }) => change(sections.find((section: AnyHeader) => section.kind === kind)));
  const refused: [string, Uint8Array, string][] = [
    ["the magic of a query tower", TEXT, '"magic" expected PQIT, got "PQTW"'],
    [
      "an older version",
      patched(ITEM, (view) => view.setUint32(4, 3, true)),
      '"format version" expected 4 to 8, got 3',
    ],
    [
      "an input of queries",
      at("known", (s) => (s.kind = "history")),
      '"section" expected one of known, hashed, category, number, text, embedding, layers, got history',
    ],
    [
      "ids of no JSON",
      patched(ITEM, (view) => view.setUint8(arraysOf(ITEM), 0x28)),
      '"known.names" expected a list of different names, got something else',
    ],
    ["ids of another type", at("known", (s) => (s.arrays[0][0] = "i8")), '"known[0]" expected u8, got i8 of length'],
    [
      "fewer ids than rows",
      at("known", (s) => (s.arrays[1][1] = 7)),
      '"known[1]" expected f32 of length 8, got f32 of length 7',
    ],
    [
      "a category twice",
      replaced(itemFile(["color\tred", "color\tblu"]), "red", "blu"),
      '"category.names" expected a list of different names, got something else',
    ],
    [
      "fewer category numbers than names",
      at("category", (s) => (s.arrays[1][1] = 7)),
      '"category[1]" expected f32 of length 8, got f32 of length 7',
    ],
    [
      "columns of no list",
      at("number", (s) => delete s.settings.columns),
      '"number.columns" expected a name, a mean and a deviation each, got undefined',
    ],
    [
      "a column of no mean",
      at("number", (s) => delete s.settings.columns[0].mean),
      '"number.columns" expected a name, a mean and a deviation each, got a list of 2',
    ],
    [
      "a column of deviation 0",
      at("number", (s) => (s.settings.columns[1].deviation = 0)),
      '"number.columns" expected a name, a mean and a deviation each, got a list of 2',
    ],
    [
      "a column that is none",
      at("number", (s) => (s.settings.columns[1] = null)),
      '"number.columns" expected a name, a mean and a deviation each, got a list of 2',
    ],
    [
      "fewer columns than rows",
      at("number", (s) => s.settings.columns.pop()),
      '"number[0]" expected f32 of length 4, got f32 of length 8',
    ],
  ];
  it.each(refused)("are refused with %s", (_, bytes, message) =>
    expectRefused(() => readItemTower(bytes), "item tower", message),
  );
});

it("of a mixture that leans keep its lean, and are no news to readers of the release before", () => {
  for (const lean of [0, 0.5]) {
    const bytes = writeQueryTower(leaningTower(lean));
    expect(readQueryTower(bytes)).toEqual(leaningTower(lean));
    expect(new DataView(bytes.buffer).getUint32(4, true)).toBe(4);
  }
});

describe("weights that no reader would take", () => {
  const mean = historyTower("mean");
  const pooledWith = (changes: Partial<HistoryWeights>): QueryTowerWeights => ({
    ...mean,
    inputs: [{ ...historyInput("mean"), ...changes }],
  });
  const narrow = { ...mean, skip: false, layers: [denseLayer(DIM, 3, 1)] };
  const refused: [string, QueryTowerWeights, string][] = [
    ["a tilt below 0", historyTower("mixture", 3, -1), '"history.tilt" expected a number in 0…1000, got -1'],
    ["too long a history", pooledWith({ length: 1001 }), '"history.length" expected an integer in 1…1000, got 1001'],
    [
      "items that are wider than the vectors",
      { ...narrow, inputs: [historyInput("mean")] },
      '"history" expected layers with an output as wide as the sum (4), got 3',
    ],
    ["rows of another width", { ...mean, inputs: [textInput(3)] }, '"text[2]" expected i8 of length'],
    [
      "NaN",
      { ...mean, layers: [{ ...denseLayer(DIM, DIM, 1), bias: Float32Array.of(0, 0, Number.NaN, 0) }] },
      '"weights" expected finite numbers, got NaN or infinity',
    ],
  ];
  it.each(refused)("are not written: %s", (_, weights, message) =>
    expectRefused(() => writeQueryTower(weights), "query tower", message),
  );

  it("are not written for items either", () => {
    const rows = Float32Array.of(1, 2, 3, Number.POSITIVE_INFINITY);
    const weights = { ...itemTower(), inputs: [{ kind: "known" as const, names: ["a"], rows }] };
    expectRefused(
      () => writeItemTower(weights),
      "item tower",
      '"weights" expected finite numbers, got NaN or infinity',
    );
  });
});
