/**
 * Query towers of format versions 1 to 3, as sections. Their header is JSON { tokenizer, numRows, embeddingDim,
 * layers: [[inputDim, outputDim], …], skip }; then u32 hashes, f32 scales, i8 values, and for each layer f32 weights
 * and f32 bias. Version 2 may have "history" { form, length, scale, numCenters } and "contexts" ["column\tvalue", …]:
 * then follow, for attention f32 attention, for a mixture i8 values, f32 scales, f32 bias, and f32 context rows.
 * Version 3 may have a "tilt" in its history.
 */
import { arrayReader, expectInteger, expectThat, parseHeader, readPrefix, type Section } from "./sections.ts";

interface OldHeader {
  readonly tokenizer: object;
  readonly numRows: number;
  readonly embeddingDim: number;
  readonly layers: readonly (readonly [number, number])[];
  readonly skip: boolean;
  readonly history?: { readonly form: string; readonly numCenters: number; readonly tilt?: number } | undefined;
  readonly contexts?: readonly string[] | undefined;
}

const MOST = 1 << 24;

/**
 * @param asViews the arrays are views of the bytes, where these are aligned; else they are copies
 * @throws FormatError naming the field
 */
export function readOldVersion(where: string, bytes: Uint8Array, asViews = false): Section[] {
  const { version, header: json, start } = readPrefix(where, "PQTW", bytes);
  const header = parseHeader(where, json) as unknown as OldHeader;
  const { tokenizer, numRows, embeddingDim: width, layers, skip, history, contexts } = header;
  const least = history?.tilt ? 3 : history || contexts ? 2 : 1;
  expectThat(version >= least, where, "format version", `at least ${least} with such a header`, version);
  // a tower that reads no text has no rows
  expectInteger(where, "numRows", numRows, history || contexts ? 0 : 1, MOST);
  expectInteger(where, "embeddingDim", width, 1, 1 << 14);
  expectThat(Array.isArray(layers), where, "layers", "a list", layers);
  for (const layer of layers) {
    expectThat(Array.isArray(layer) && layer.length === 2, where, "layers", "pairs of numbers", layer);
    for (const size of layer) expectInteger(where, "layers", size, 1, 1 << 14);
  }
  if (contexts !== undefined) expectThat(Array.isArray(contexts), where, "contexts", "a list", contexts);
  if (history) expectInteger(where, "history.numCenters", history.numCenters, 0, 1 << 16);
  const next = arrayReader(where, bytes, start, asViews);
  const text = [next("u32", numRows), next("f32", numRows), next("i8", numRows * width)];
  const dense = layers.flatMap(([inputDim, outputDim]) => [next("f32", inputDim * outputDim), next("f32", outputDim)]);
  const sections: Section[] = [
    ...(numRows > 0 ? [{ kind: "text", settings: { tokenizer }, arrays: text }] : []),
    { kind: "layers", settings: { width, skip, unit: true, layers }, arrays: dense },
  ];
  if (history) {
    const { numCenters, ...settings } = history;
    const arrays = history.form === "attention" ? [next("f32", width)] : [];
    const terms = () => [next("i8", numCenters * width), next("f32", numCenters), next("f32", numCenters)];
    sections.push({ kind: "history", settings, arrays: history.form === "mixture" ? terms() : arrays });
  }
  if (contexts) {
    sections.push({
      kind: "context",
      settings: {},
      arrays: [new TextEncoder().encode(JSON.stringify(contexts)), next("f32", contexts.length * width)],
    });
  }
  next.end();
  return sections;
}
