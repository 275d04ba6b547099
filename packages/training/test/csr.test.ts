import { expect, it } from "vitest";
import { CsrBuilder, groupBy, invert, joinLists, toCsr } from "../src/data/csr.ts";

const lists = toCsr([[2, 0], [], [2], [1, 2]]);

it("inverts lists, with the place of each value", () => {
  expect(invert(lists, 4)).toEqual({ ...toCsr([[0], [3], [0, 2, 3], []]), positions: Uint32Array.of(1, 3, 0, 2, 4) });
});

it("groups positions in a given order, and leaves out what belongs to no group", () => {
  expect(groupBy(Uint32Array.of(1, 0, 9, 1), 2)).toEqual(toCsr([[1], [0, 3]]));
  expect(groupBy(Uint32Array.of(1, 0, 9, 1), 2, Uint32Array.of(3, 2, 1, 0))).toEqual(toCsr([[1], [3, 0]]));
});

it("strings together the lists of each group", () => {
  const joined = joinLists(3, (visit) => {
    visit(2, [5, 6]);
    visit(0, [1]);
    visit(2, [7]);
  });
  expect(joined).toEqual(toCsr([[1], [], [5, 6, 7]]));
});

it("builds lists one value at a time, and drops the one at hand", () => {
  const builder = new CsrBuilder();
  builder.push(4);
  builder.end();
  builder.push(5);
  expect(builder.pending).toBe(1);
  builder.drop();
  builder.end();
  expect(builder.build()).toEqual(toCsr([[4], []]));
});
