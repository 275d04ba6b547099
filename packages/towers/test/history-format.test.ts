/** What a tower's file may say of a history's lean and order: all else is refused before it is used. */
import { FormatError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { readQueryTower, writeQueryTower } from "../src/index.ts";
import { arraysOf, edited, headerOf, historyInput, historyTower, orderedTower, withHeader } from "./helpers.ts";

const MIXTURE = writeQueryTower(historyTower("mixture", 3, 0.4));
const MEAN = writeQueryTower({ ...historyTower("mean"), inputs: [historyInput("mean")] });
const ORDERED = writeQueryTower(orderedTower());

const settingsOf = (bytes: Uint8Array, changes: object): Uint8Array =>
  edited(bytes, ({ sections }) => Object.assign(sections[0].settings, changes));
const mixture = (changes: object): Uint8Array => settingsOf(MIXTURE, changes);
const ordered = (changes: object): Uint8Array => settingsOf(ORDERED, changes);
const mean = (changes: object): Uint8Array => settingsOf(MEAN, changes);
/** With a number that JSON's writer has no way to write. */
const endless = (bytes: Uint8Array, name: string): Uint8Array => {
  const header = JSON.stringify(headerOf(settingsOf(bytes, { [name]: -7777 })));
  return withHeader(bytes, header.replace("-7777", "1e999"));
};
/** The ordered tower with other types and lengths of the arrays that order it. */
const orderArrays = (...arrays: [type: string, length: number][]): Uint8Array =>
  edited(ORDERED, ({ sections }) => sections[0].arrays.splice(3, 2, ...arrays));
/** The ordered tower with another number, so many bytes into its arrays. */
function orderedWith(at: number, value: number): Uint8Array {
  const bytes = ORDERED.slice();
  new DataView(bytes.buffer).setFloat32(arraysOf(bytes) + at, value, true);
  return bytes;
}
const [RECENCY_AT, SOURCE_AT] = [96, 112];

const LEAN = '"history.lean" expected a number in 0…1000, got';
const RANKS = '"history.ranks" expected an integer in 1…1000, got';
const SOURCE = '"history.source" expected true or false, got';
const UNORDERED = '"history.form" expected mixture where it has an order, got mean';

const refused: [string, Uint8Array, string][] = [
  ["a lean below 0", mixture({ lean: -1 }), `${LEAN} -1`],
  ["a lean beyond all", mixture({ lean: 1001 }), `${LEAN} 1001`],
  ["a lean of null, as JSON writes NaN", mixture({ lean: Number.NaN }), `${LEAN} null`],
  ["an endless lean", endless(MIXTURE, "lean"), `${LEAN} Infinity`],
  ["a lean that refuses to be a string", mixture({ lean: { toString: 1 } }), `${LEAN} an object`],
  ["no ranks", ordered({ ranks: 0 }), `${RANKS} 0`],
  ["ranks below 0", ordered({ ranks: -2 }), `${RANKS} -2`],
  ["half a rank", ordered({ ranks: 1.5 }), `${RANKS} 1.5`],
  ["endless ranks", endless(ORDERED, "ranks"), `${RANKS} Infinity`],
  ["ranks of null, as JSON writes NaN", ordered({ ranks: Number.NaN }), `${RANKS} null`],
  ["ranks of text", ordered({ ranks: "2" }), `${RANKS} 2`],
  ["more ranks than a history may have items", ordered({ ranks: 1001 }), `${RANKS} 1001`],
  ["more ranks than numbers", ordered({ ranks: 3 }), '"history[3]" expected f32 of length 3, got f32 of length 2'],
  ["fewer ranks than numbers", ordered({ ranks: 1 }), '"history[3]" expected f32 of length 1, got f32 of length 2'],
  ["ranks of bytes", orderArrays(["i8", 2], ["f32", 16]), '"history[3]" expected f32 of length 2, got i8 of length 2'],
  ["ranks of a mean", mean({ ranks: 1 }), UNORDERED],
  ["a source of 1", ordered({ source: 1 }), `${SOURCE} 1`],
  ["a source of null", ordered({ source: null }), `${SOURCE} null`],
  ["a source of a mean", mean({ source: true }), UNORDERED],
  ["a source map that is not said", ordered({ source: false }), '"history.arrays" expected 4 arrays, got 5'],
  ["a source without a map", mixture({ source: true }), '"history[3]" expected f32 of length 16, got nothing'],
  [
    "a map of another width",
    orderArrays(["f32", 2], ["f32", 13]),
    '"history[4]" expected f32 of length 16, got f32 of length 13',
  ],
  ["an absurd map", orderArrays(["f32", 2], ["f32", 2 ** 31]), '"bytes" expected at least'],
];
for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
  for (const [name, at] of [
    ["ranks", RECENCY_AT],
    ["a map", SOURCE_AT],
  ] as const)
    refused.push([
      `${name} with ${value}`,
      orderedWith(at, value),
      '"weights" expected finite numbers, got NaN or infinity',
    ]);

describe("a history", () => {
  it.each(refused)("is refused with %s", (_, bytes, message) => {
    expect(() => readQueryTower(bytes)).toThrow(FormatError);
    expect(() => readQueryTower(bytes)).toThrow(`[pq-core] query tower: ${message}`);
  });
});
