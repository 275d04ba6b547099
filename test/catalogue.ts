import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const COLOURS = {
  red: "rouge",
  blue: "bleu",
  green: "vert",
  yellow: "jaune",
  black: "noir",
  white: "blanc",
  orange: "orange",
  purple: "violet",
};
const SHAPES = {
  circle: "cercle",
  square: "carré",
  star: "étoile",
  heart: "cœur",
  arrow: "flèche",
  ring: "anneau",
  cross: "croix",
  moon: "lune",
};
const SIZES = { small: "petit", large: "grand", tiny: "minuscule", huge: "énorme" };

/** A small catalogue by formula: every colour × shape × size, with queries in two languages. */
export async function writeCatalogue(directory: string): Promise<{ items: number; inches: Map<string, number> }> {
  const items: { id: string; inches: number; title: string; shape: string }[] = [];
  const events: object[] = [];
  for (const [colour, couleur] of Object.entries(COLOURS)) {
    for (const [shape, forme] of Object.entries(SHAPES)) {
      for (const [size, taille] of Object.entries(SIZES)) {
        const id = `${size}-${colour}-${shape}`;
        items.push({ id, title: `${size} ${colour} ${shape}`, shape, inches: 1 + (items.length % 9) });
        const queries = [
          `${size} ${colour} ${shape}`,
          `${colour} ${shape}`,
          `${shape} ${size}`,
          `${forme} ${couleur}`,
          `${taille} ${forme} ${couleur}`,
          `${colour} ${size}`,
        ];
        for (const query of queries) events.push({ query, item: id });
      }
    }
  }
  const lines = (rows: object[]): string => rows.map((row) => JSON.stringify(row)).join("\n");
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "items.jsonl"), lines(items));
  await writeFile(join(directory, "events.jsonl"), lines(events));
  return { items: items.length, inches: new Map(items.map(({ id, inches }) => [id, inches])) };
}

/** A configuration small enough to train in seconds. */
export const CONFIG = `
export default {
  name: "shapes",
  data: { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" },
  items: { text: ["title"], categories: ["shape"], fields: ["shape"], facets: ["shape"], numbers: ["inches"] },
  model: { dim: 32, minFeatureCount: 1, hiddenDim: 32 },
  index: { nlist: 8, numSubQuantizers: 16, nprobe: 3, bufferSize: 512, warmup: 0.4 },
  training: { batchSize: 64, epochs: 6, seed: 3 },
};
`;
