import { expect, it } from "vitest";
import { Catalogue } from "../catalogue.ts";

const SHAPE = { seed: 3, dims: 8, items: 1003, partitions: 7 };

it("makes a lost partition again", () => {
  const [one, other] = [new Catalogue(SHAPE), new Catalogue(SHAPE)];
  one.partition(2);
  expect(other.partition(5)).toEqual(one.partition(5));
  expect(one.partition(5).vectors).not.toEqual(one.partition(4).vectors);
  expect(new Catalogue({ ...SHAPE, seed: 4 }).partition(5).vectors).not.toEqual(one.partition(5).vectors);
});

it("has every item once, with a vector of length 1", () => {
  const catalogue = new Catalogue(SHAPE);
  const ids: number[] = [];
  for (let number = 0; number < SHAPE.partitions; number++) {
    const rows = catalogue.partition(number);
    ids.push(...rows.ids);
    for (const i of rows.ids.keys())
      expect(Math.hypot(...rows.vectors.subarray(i * SHAPE.dims, (i + 1) * SHAPE.dims))).toBeCloseTo(1, 5);
    expect(Math.max(...rows.topics)).toBeLessThan(20);
  }
  expect(ids).toEqual(Array.from({ length: SHAPE.items }, (_, i) => i));
});

it("learns from other items and other queries than it measures by", () => {
  const catalogue = new Catalogue(SHAPE);
  const [sample, part] = [catalogue.sample(50), catalogue.partition(0)];
  expect(sample.vectors.slice(0, SHAPE.dims)).not.toEqual(part.vectors.slice(0, SHAPE.dims));
  expect(catalogue.queries(5).vectors).not.toEqual(catalogue.queries(5, { forTraining: true }).vectors);
});
