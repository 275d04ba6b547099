import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type IndexServer, serveIndex } from "@poeem/edge/node";
import type { SourceSymbol } from "@poeem/example-symbols/src/symbol.ts";
import { fnv1a32 } from "@poeem/towers";
import { trainIndex } from "@poeem/training/train-index";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readIcons, writeVectors } from "../src/build.ts";
import { polylinesOf } from "../src/outline.ts";
import { LENGTH, pictureOf } from "../src/picture.ts";

const CONFIG = resolve(import.meta.dirname, "../poeem.config.ts");
const NLIST = 16;

describe("an icon's picture", () => {
  const inkOf = (drawing: string): number[] => Array.from(pictureOf(drawing));

  it("is the same however the path is written", () => {
    const square = inkOf("24f M4 4H20V20H4Z");
    for (const d of ["m4 4h16v16h-16z", "M4,4 20,4 20,20 4,20z", "M4 4L20 4L20 20L4 20L4 4"])
      expect(inkOf(`24f ${d}`)).toEqual(square);
    expect(inkOf("256f M42.667 42.667H213.333V213.333H42.667Z")).toEqual(square);
    // a pen two wide goes one to either side
    expect(inkOf("24s M4 12h16")).toEqual(inkOf("24s M20 12H4"));
    expect(inkOf("24s +M6 6h12v12H6z")).not.toEqual(inkOf("24s M6 6h12v12H6z"));
  });

  it("leaves out what goes around the other way", () => {
    const hole = pictureOf("24f M2 2h20v20H2zM8 8v8h8V8z");
    const [middle, edge] = [hole[8 * 16 + 8]!, hole[2 * 16 + 8]!];
    expect(edge).toBeGreaterThan(middle + 4);
  });

  it("follows curves and arcs", () => {
    const onCircle = (d: string): void => {
      for (const line of polylinesOf(d))
        for (let i = 0; i < line.length; i += 2) expect(Math.hypot(line[i]! - 12, line[i + 1]! - 12)).toBeCloseTo(8, 2);
    };
    onCircle("M4 12a8 8 0 1 0 16 0a8 8 0 1 0-16 0Z");
    onCircle("M12 4A8 8 0 0112 20");
    // four cubic curves, with the handles that come nearest to a circle
    onCircle("M12 4C16.418 4 20 7.582 20 12S16.418 20 12 20 4 16.418 4 12 7.582 4 12 4z");
    expect(polylinesOf("M0 0Q5 10 10 0T20 0").at(-1)!.slice(-2)).toEqual([20, 0]);
    expect(() => polylinesOf("M0 0L1")).toThrow("expected a number");
  });
});

describe("an index of pictures", () => {
  const some = <T>(all: readonly T[], step: number): T[] => all.filter((_, i) => i % step === 0);
  const vectors = new Map<string, Float32Array>();
  let server: IndexServer;
  let asked: SourceSymbol[];

  /** Cosine of two pictures. */
  function likeness(a: Float32Array, b: Float32Array): number {
    let [product, squareA, squareB] = [0, 0, 0];
    for (let i = 0; i < LENGTH; i++) {
      product += a[i]! * b[i]!;
      squareA += a[i]! ** 2;
      squareB += b[i]! ** 2;
    }
    return product / Math.sqrt(squareA * squareB);
  }

  function best(vector: Float32Array, k: number, without?: string): string[] {
    const all = Array.from(vectors, ([id, other]) => ({ id, score: likeness(vector, other) }));
    return all
      .filter(({ id }) => id !== without)
      .sort((a, b) => b.score - a.score)
      .slice(0, k)
      .map(({ id }) => id);
  }

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-icons-"));
    const all = readIcons();
    const icons = some(all.icons, 10);
    asked = some(all.asked, 5);
    await writeVectors(folder, { icons, asked });
    for (const { item } of icons) vectors.set(item.id, pictureOf(item.svg!));
    const [config, out] = [join(folder, "poeem.config.mjs"), join(folder, "index")];
    // a quarter of the numbers is learned in a sixteenth of the time
    await writeFile(
      config,
      `import whole from ${JSON.stringify(pathToFileURL(CONFIG))};
      export default { ...whole, model: { dim: 64 }, index: { nlist: ${NLIST} } };`,
    );
    await trainIndex({ config, data: folder, out, backend: "wasm", checkpointEvery: 60 });
    server = await serveIndex({ directory: out, port: 0, variables: {} });
  }, 240_000);

  afterAll(() => server.close());

  async function search(parts: Record<string, unknown>): Promise<string[]> {
    const answer = await fetch(`${server.address}/search`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ k: 10, nprobe: NLIST, ...parts }),
    });
    expect(answer.status).toBe(200);
    const { results } = (await answer.json()) as { results: { id: string }[] };
    return results.map(({ id }) => id);
  }

  /** How many of the exact top 10 are among the ten that were found, on average. */
  async function overlap(questions: { vector: Float32Array; without?: string; parts: object }[]): Promise<number> {
    let shared = 0;
    for (const { vector, without, parts } of questions) {
      const found = new Set(await search({ ...parts }));
      expect(found.has(without ?? "")).toBe(false);
      shared += best(vector, 10, without).filter((id) => found.has(id)).length;
    }
    return shared / questions.length / 10;
  }

  it("is asked with pictures that it has never seen", async () => {
    const held = asked.filter(({ item }) => fnv1a32(item.id) % 10 === 0);
    expect(held.length).toBeGreaterThan(20);
    const questions = held.map(({ item }) => {
      const vector = pictureOf(item.svg!);
      return { vector, parts: { embedding: Array.from(vector) } };
    });
    expect(await overlap(questions)).toBeGreaterThan(0.6);
  });

  it("finds what is like an icon, without the icon", async () => {
    const ids = some([...vectors.keys()], 40);
    const questions = ids.map((id) => ({ vector: vectors.get(id)!, without: id, parts: { like: id } }));
    expect(await overlap(questions)).toBeGreaterThan(0.5);
  });
});
