import { describe, expect, it } from "vitest";
import {
  createItemTower,
  type HashedWeights,
  hashedRow,
  IdKeys,
  type ItemTowerWeights,
  idKey,
  readItemTower,
  writeItemTower,
} from "../src/index.ts";
import { DIM, floats, itemTower, textInput } from "./helpers.ts";

const N = 7;
const TRAINED = ["a", "b", "🎂", "", "id-1000"];
const rows = floats(N * DIM, 40);
const hashed: HashedWeights = { kind: "hashed", rows, keys: IdKeys.of(TRAINED, TRAINED.length) };
const weights: ItemTowerWeights = {
  width: DIM,
  inputs: [hashed, textInput()],
  layers: [],
  skip: false,
  unit: false,
};

describe("rows that items share", () => {
  it("are two of an item, by the hashes of its id", () => {
    const tower = createItemTower(weights);
    for (const id of TRAINED) {
      const [one, other] = idKey(id).map((hash) => hashedRow(hash, N));
      const vector = tower.embed({ id })!;
      for (let d = 0; d < DIM; d++) expect(vector[d]).toBeCloseTo(rows[one! * DIM + d]! + rows[other! * DIM + d]!, 6);
      expect(tower.isTrained(id)).toBe(true);
    }
  });

  it("are not read by an item that the training did not have, whatever rows its id leads to", () => {
    const tower = createItemTower(weights);
    for (const id of ["c", "A", "id-1001"]) {
      expect(tower.isTrained(id)).toBe(false);
      expect(tower.embed({ id })).toBeUndefined();
      expect(tower.embed({ id, text: "red cake" })).toEqual(tower.embed({ id: "another", text: "red cake" }));
    }
  });

  it("are shared alike, and seldom both, by ids that hardly differ", () => {
    const n = 1000;
    const counts = new Uint32Array(n);
    const pairs = new Set<string>();
    const keys = new Set<string>();
    for (let i = 0; i < 100_000; i++) {
      const key = idKey(String(i));
      const own = key.map((hash) => hashedRow(hash, n));
      for (const row of own) counts[row]!++;
      pairs.add(own.join());
      keys.add(key.join());
    }
    expect(keys.size).toBe(100_000);
    // 200 on average, with a deviation of 14
    expect(Math.min(...counts)).toBeGreaterThan(120);
    expect(Math.max(...counts)).toBeLessThan(280);
    // as many as of 100,000 drawn from 1,000,000
    expect(Math.abs(pairs.size / 1e6 - (1 - Math.exp(-0.1)))).toBeLessThan(0.001);
  });

  it("stay within the table at either end of the hashes", () => {
    for (const n of [1, 2, 3, 1 << 20]) {
      expect(hashedRow(0, n)).toBe(0);
      expect(hashedRow(0xffffffff, n)).toBe(n - 1);
    }
  });
});

describe("keys of ids", () => {
  it("say what a set of the ids would", () => {
    const ids = Array.from({ length: 3000 }, (_, i) => `item ${i * i}`);
    const keys = IdKeys.of(ids, ids.length);
    const set = new Set(ids);
    expect(keys.size).toBe(ids.length);
    for (let i = 0; i < 9000; i++) expect(keys.has(idKey(`item ${i}`))).toBe(set.has(`item ${i}`));
    expect(IdKeys.of([], 0).has(idKey("a"))).toBe(false);
    // room for more than there are
    expect(IdKeys.of(["a"], 10).words).toEqual(IdKeys.of(["a"], 1).words);
  });
});

describe("bytes of them", () => {
  const bytes = writeItemTower(weights);

  it("are read as they were written, by readers of towers of version 8", () => {
    expect(readItemTower(bytes)).toEqual({ weights, others: [] });
    expect(bytes[4]).toBe(8);
    expect(writeItemTower(itemTower())[4]).toBeLessThan(8);
    const none = { ...weights, inputs: [{ ...hashed, keys: IdKeys.of([], 0) }] };
    expect(readItemTower(writeItemTower(none)).weights).toEqual(none);
  });

  it.each<[string, HashedWeights, string]>([
    ["no rows", { ...hashed, rows: new Float32Array(0) }, '"hashed.rows" expected an integer in 1…67108864, got 0'],
    ["part of a row", { ...hashed, rows: rows.slice(1) }, `"hashed.rows" expected rows of ${DIM} numbers, got 27`],
    [
      "half a key",
      { ...hashed, keys: new IdKeys(hashed.keys.words.slice(1)) },
      '"hashed.keys" expected two words each, got 9',
    ],
    [
      "keys in no order",
      { ...hashed, keys: new IdKeys(hashed.keys.words.toReversed()) },
      '"hashed.keys" expected ascending keys, got others',
    ],
    [
      "a key twice",
      { ...hashed, keys: new IdKeys(Uint32Array.of(1, 2, 1, 2)) },
      '"hashed.keys" expected ascending keys, got others',
    ],
  ])("are refused with %s", (_, wrong, message) => {
    expect(() => writeItemTower({ ...weights, inputs: [wrong] })).toThrow(`[pq-core] item tower: ${message}`);
  });
});
