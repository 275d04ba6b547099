import { MASKED, Random } from "@poeem/indexing-layer";
import { expect, it } from "vitest";
import { createHistoryBatches } from "../src/train/history-batch.ts";
import { drawAsked } from "../src/train/leaning-groups.ts";
import { readers } from "./histories.ts";

it("asks by the history alone, by the text alone and by both, each often, and never by nothing", () => {
  const { config, dataset } = readers({ model: { dim: 16, minFeatureCount: 1 } }, { asks: true });
  const random = new Random(4);
  const batch = createHistoryBatches(config, dataset).build(
    Uint32Array.from({ length: 2000 }, (_, i) => i),
    random,
  );
  const { alone, beside } = drawAsked(batch, dataset, random);
  const places = config.model.history.sources;
  expect([...alone.groups, ...beside.groups].sort((a, b) => a - b)).toEqual(Array.from(batch.events.keys()));
  const placesOf = ({ placeMask }: typeof alone, g: number) => placeMask.subarray(g * places, (g + 1) * places);
  alone.groups.forEach((group, g) => {
    expect(placesOf(alone, g)).toEqual(batch.placeMask.subarray(group * places, (group + 1) * places));
  });
  const textAlone = beside.groups.filter((_, g) => placesOf(beside, g).every((mask) => mask === MASKED)).length;
  expect(alone.groups.length / batch.numGroups).toBeCloseTo(0.25, 1);
  expect(textAlone / batch.numGroups).toBeCloseTo(0.25, 1);
  // of a text without a known word only the history is left
  const unknown = {
    ...dataset,
    queryRows: { offsets: dataset.queryRows.offsets.map(() => 0), values: new Uint32Array(0) },
  };
  expect(drawAsked(batch, unknown, random).beside.groups).toHaveLength(0);
});
