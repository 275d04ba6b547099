import {
  type ContextWeights,
  type DenseLayer,
  type HistoryForm,
  type HistoryWeights,
  type ItemTowerWeights,
  type QueryTowerWeights,
  quantizeTable,
  type TextWeights,
  textFeatures,
} from "../src/index.ts";

/** Numbers in [−0.5, 0.5), the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
}

export function floats(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, random(seed));
}

export const DIM = 4;

export function denseLayer(inputDim: number, outputDim: number, seed: number): DenseLayer {
  return { inputDim, outputDim, weights: floats(inputDim * outputDim, seed), bias: floats(outputDim, seed + 1) };
}

// every second feature of these texts is known
const TEXTS = ["red cake", "Kuchen", "birthday", "🎂", "gâteau d'anniversaire"];
export const VOCABULARY = Uint32Array.from(
  new Set(TEXTS.flatMap((text) => [...textFeatures(text)]).filter((_, i) => i % 2 === 0)),
).sort();

export function textInput(width = DIM): TextWeights {
  return {
    kind: "text",
    tokenizer: { minGram: 2, maxGram: 4, maxChars: 64 },
    table: quantizeTable(floats(VOCABULARY.length * width, 7), VOCABULARY, width),
  };
}

const CENTERS = 5;

export function historyInput(form: HistoryForm, length = 3, tilt = 0): HistoryWeights {
  const partition = {
    values: Int8Array.from(floats(CENTERS * DIM, 4), (x) => x * 200),
    scales: floats(CENTERS, 5).map(Math.abs),
    bias: floats(CENTERS, 6),
  };
  return {
    kind: "history",
    form,
    length,
    scale: 7,
    ...(tilt && { tilt }),
    ...(form === "attention" && { attention: floats(DIM, 3) }),
    ...(form === "mixture" && { partition }),
  };
}

/** A tower of ordered histories: two ranks are told apart, and what follows is looked for by a source map. */
export function orderedTower(length = 3): QueryTowerWeights {
  const history = {
    ...historyInput("mixture", length),
    recency: Float32Array.of(0.2, -0.5),
    source: floats(DIM * DIM, 9),
  };
  return { width: DIM, inputs: [history], layers: [], skip: false };
}

export function contextInput(): ContextWeights {
  return { kind: "context", names: ["device\tphone", "device\tdesk", "page\thome"], rows: floats(3 * DIM, 7) };
}

/** A tower that reads histories; where they are pooled, text and context too. */
export function historyTower(form: HistoryForm, length = 3, tilt = 0): QueryTowerWeights {
  const history = historyInput(form, length, tilt);
  if (form === "mixture") return { width: DIM, inputs: [history], layers: [], skip: false };
  return {
    width: DIM,
    inputs: [textInput(), history, contextInput()],
    layers: [denseLayer(DIM, DIM, 1)],
    skip: true,
  };
}

export function textTower(): QueryTowerWeights {
  return { width: 8, inputs: [textInput(8)], layers: [denseLayer(8, 12, 8), denseLayer(12, 8, 10)], skip: true };
}

/** An item tower with every input: two known items, two categories, two number columns, text. */
export function itemTower(): ItemTowerWeights {
  return {
    width: DIM,
    inputs: [
      { kind: "known", names: ["a", "b"], rows: floats(2 * DIM, 20) },
      { kind: "category", names: ["color\tred", "color\tblue"], rows: floats(2 * DIM, 21) },
      {
        kind: "number",
        columns: [
          { name: "price", mean: 10, deviation: 4 },
          { name: "year", mean: 2000, deviation: 8 },
        ],
        rows: floats(2 * DIM, 22),
      },
      textInput(),
    ],
    layers: [denseLayer(DIM, DIM, 23)],
    skip: true,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: a header that is about to be made wrong
export type AnyHeader = any;

const align = (offset: number): number => (offset + 15) & ~15;

/** Where the arrays of a file begin. */
export function arraysOf(bytes: Uint8Array): number {
  return align(16 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true));
}

export function headerOf(bytes: Uint8Array): AnyHeader {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(16, 16 + length)));
}

/** The same arrays behind another header, of which the lengths are right. */
export function withHeader(bytes: Uint8Array, header: string | Uint8Array): Uint8Array {
  const json = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const arrays = bytes.subarray(arraysOf(bytes));
  const changed = new Uint8Array(align(16 + json.length) + arrays.length);
  changed.set(bytes.subarray(0, 16));
  changed.set(json, 16);
  changed.set(arrays, align(16 + json.length));
  const view = new DataView(changed.buffer);
  view.setUint32(8, json.length, true);
  view.setUint32(12, changed.length, true);
  return changed;
}

/** The same arrays behind a header that `change` was done to. */
export function edited(bytes: Uint8Array, change: (header: AnyHeader) => void): Uint8Array {
  const header = headerOf(bytes);
  change(header);
  return withHeader(bytes, JSON.stringify(header));
}

/** The same file with one text in its arrays in place of another of the same length. */
export function replaced(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const changed = bytes.slice();
  const at = Buffer.from(changed.buffer).indexOf(from, arraysOf(bytes));
  if (at < 0 || from.length !== to.length) throw new Error(`no ${from} to be ${to}`);
  changed.set(new TextEncoder().encode(to), at);
  return changed;
}
