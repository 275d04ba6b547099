import { readFileSync } from "node:fs";
import { FormatError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { IdKeys, readItemTower, readQueryTower, writeItemTower, writeQueryTower } from "../src/index.ts";
import {
  type AnyHeader,
  arraysOf,
  DIM,
  floats,
  headerOf,
  historyTower,
  itemTower,
  orderedTower,
  random,
  textTower,
  withHeader,
} from "./helpers.ts";

describe("a damaged file", () => {
  const old = ["v1-text", "v2-attention-context", "v2-mean", "v3-mixture-tilt"].map(
    (name) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}.bin`, import.meta.url))),
  );
  const written = [historyTower("mixture", 3, 0.4), historyTower("attention"), textTower(), orderedTower()].map(
    writeQueryTower,
  );
  const files: [Uint8Array, (bytes: Uint8Array) => unknown][] = [[writeItemTower(itemTower()), readItemTower]];
  const hashed = { kind: "hashed", rows: floats(3 * DIM, 50), keys: IdKeys.of(["a", "b", "c"], 3) } as const;
  files.push([writeItemTower({ ...itemTower(), inputs: [hashed] }), readItemTower]);
  for (const bytes of [...old, ...written]) files.push([bytes, readQueryTower]);

  it("is read, or refused by a FormatError, when bits of it are flipped", () => {
    const next = random(12);
    const below = (n: number): number => Math.floor((next() + 0.5) * n);
    let read = 0;
    let refused = 0;
    for (let trial = 0; trial < 3200; trial++) {
      const [whole, readTower] = files[trial % files.length]!;
      const bytes = whole.slice();
      // half of them in the header, where most of what is checked stands
      const end = Math.floor(trial / files.length) % 2 ? arraysOf(bytes) : bytes.length;
      for (let flips = 1 + below(4); flips > 0; flips--) bytes[below(end)]! ^= 1 << below(8);
      try {
        readTower(bytes);
        read++;
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        refused++;
      }
    }
    expect(read).toBeGreaterThan(300);
    expect(refused).toBeGreaterThan(300);
  });

  it("is read, or refused by a FormatError, when a value of its header is another", () => {
    const values: unknown[] = JSON.parse(
      '[null, true, -1, 0, 0.5, 1e9, "", "f32", [], [[]], [1], {}, { "toString": 1 }, { "length": 3 }]',
    );
    for (const [whole, readTower] of files) {
      for (const path of pathsOf(headerOf(whole)))
        for (const value of values) {
          const bytes = withHeader(whole, JSON.stringify(replaced(headerOf(whole), path, value)));
          try {
            readTower(bytes);
          } catch (error) {
            expect(error, `${path.join(".")} = ${JSON.stringify(value)}`).toBeInstanceOf(FormatError);
          }
        }
    }
  });
});

/** Ways to every value in JSON, the whole included; of long lists, to the first four. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [[]];
  const entries = Object.entries(value).slice(0, 4);
  return [[], ...entries.flatMap(([key, inner]) => pathsOf(inner).map((path) => [key, ...path]))];
}

function replaced(json: AnyHeader, [key, ...path]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  json[key] = replaced(json[key], path, value);
  return json;
}
