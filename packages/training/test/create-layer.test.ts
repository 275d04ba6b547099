import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { codesOf } from "../src/config/kinds.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import type { Dataset } from "../src/data/types.ts";
import { createLayer } from "../src/train/create-layer.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const texts = { past: undefined };
const histories = { past: {} as Dataset["past"] };

function layerOf(dataset: Pick<Dataset, "past">, overrides: Partial<PoeemConfigInput>) {
  const config = resolveConfig({ name: "t", data: { items: "-", events: "-" }, items: {}, ...overrides }, "test");
  const codes = codesOf(config.index, 0, config.model.dim);
  const index = { ...config.index, ...codes, nlist: 64, nprobe: 32, bufferSize: 8192 };
  const training = { ...config.training, batchSize: 1024, epochs: 2 };
  return createLayer({ ...config, index, training }, { warmupSteps: 40 }, dataset).config;
}

describe("the losses of a training's layer", () => {
  it("are those of the layer for texts, and what the configuration says", () => {
    const usual = { commitmentWeight: 10, routingWeight: 0.1, routingScale: 10, distillationWeight: 0.25 };
    expect(layerOf(texts, {})).toMatchObject(usual);
    const index = { commitment: 3, routing: 1, routingScale: 5, distillation: 0 };
    const chosen = { commitmentWeight: 3, routingWeight: 1, routingScale: 5, distillationWeight: 0 };
    expect(layerOf(texts, { index })).toMatchObject(chosen);
  });

  it("do without queries by default where they are histories, or meet the whole catalogue", () => {
    const none = { commitmentWeight: 10, routingWeight: 0, distillationWeight: 0 };
    expect(layerOf(histories, {})).toMatchObject(none);
    expect(layerOf(texts, { training: { objective: "full" } })).toMatchObject(none);
    const asked = { training: { objective: "full" }, index: { routing: 1, distillation: 0.5 } } as const;
    expect(layerOf(texts, asked)).toMatchObject({ routingWeight: 1, distillationWeight: 0.5 });
  });

  it("are refused where no step could serve them", () => {
    expect(() => layerOf(histories, { index: { routing: 0.1 } })).toThrow(
      "index.routing: expected 0 for queries with a history, got 0.1",
    );
    expect(() => layerOf(histories, { index: { distillation: 0.1 } })).toThrow(
      "index.distillation: expected 0 for a mixture of histories, got 0.1",
    );
    const mean = { model: { history: { as: "mean" } }, index: { distillation: 0.1 } } as const;
    expect(layerOf(histories, mean)).toMatchObject({ distillationWeight: 0.1 });
    expect(() => layerOf(texts, { index: { routings: 1 } as object })).toThrow("routings");
  });
});
