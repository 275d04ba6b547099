import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { PoeemIndexing } from "../src/layers.ts";
import { clustered, useBackend, worstDifference } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

const dim = 16;
const n = 128;
const own = {
  dim,
  nlist: 4,
  numSubQuantizers: 4,
  nbits: 4,
  warmupSteps: 2,
  bufferSize: 64,
  seed: 2,
  opqIterations: 2,
} as const;
const input = () => tf.tensor2d(clustered(n, dim, 1), [n, dim]);
const target = () => tf.tensor2d(clustered(n, dim, 2), [n, dim]);

function sequential(options: Partial<ConstructorParameters<typeof PoeemIndexing>[0]> = {}) {
  const indexing = new PoeemIndexing({ ...own, ...options });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: dim, inputShape: [dim], kernelInitializer: "identity", useBias: false }),
      indexing,
    ],
  });
  model.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
  return { model, indexing };
}

async function fit(model: tf.LayersModel, indexing: PoeemIndexing, epochs: number) {
  const callbacks = { onBatchEnd: () => indexing.afterStep() };
  return model.fit(input(), target(), { epochs, batchSize: 32, shuffle: false, verbose: 0, callbacks });
}

/** Through the same artifacts as a file would hold. */
async function saveAndLoad(model: tf.LayersModel): Promise<tf.LayersModel> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  return tf.loadLayersModel(tf.io.fromMemory(saved!));
}

describe("the layer in tf.sequential", () => {
  for (const codebookUpdate of ["ema", "gradient"] as const) {
    it(`trains through fit with ${codebookUpdate} centroids and goes through its phases`, async () => {
      const { model, indexing } = sequential({ codebookUpdate });
      expect(indexing.indexing.phase).toBe("warmup");
      await fit(model, indexing, 1);
      expect(indexing.indexing.phase).toBe("joint");
      const kernel = model.layers[0]!.getWeights()[0]!.dataSync().slice();
      const before = await indexing.indexing.codebook();
      await fit(model, indexing, 2);
      const after = await indexing.indexing.codebook();
      expect(worstDifference(kernel, model.layers[0]!.getWeights()[0]!.dataSync())).toBeGreaterThan(1e-4);
      expect(worstDifference(before.centroids, after.centroids)).toBeGreaterThan(1e-5);
      expect(worstDifference(before.coarseCentroids, after.coarseCentroids)).toBeGreaterThan(1e-5);
    });
  }

  it("adds its own losses to the model's", async () => {
    const light = sequential({ commitmentWeight: 0, distortionWeight: 0 });
    const heavy = sequential({ commitmentWeight: 100, distortionWeight: 0 });
    const last = async ({ model, indexing }: ReturnType<typeof sequential>) =>
      (await fit(model, indexing, 2)).history["loss"]!.at(-1) as number;
    expect(await last(heavy)).toBeGreaterThan((await last(light)) + 1);
  });

  it("is saved and loaded: same vectors, same phase, and it trains on", async () => {
    const { model, indexing } = sequential();
    await fit(model, indexing, 2);
    const loaded = await saveAndLoad(model);
    const again = loaded.layers[1] as PoeemIndexing;
    expect(again).toBeInstanceOf(PoeemIndexing);
    const [a, b] = [model, loaded].map((m) => (m.predict(input()) as tf.Tensor).dataSync());
    expect(worstDifference(a!, b!)).toBeLessThan(1e-6);
    expect(again.indexing.step).toBe(indexing.indexing.step);
    expect(again.indexing.ready).toBe(true);
    expect(again.indexing.config).toEqual(indexing.indexing.config);
    expect(await again.indexing.codebook()).toEqual(await indexing.indexing.codebook());
    loaded.compile({ optimizer: tf.train.sgd(0.05), loss: "meanSquaredError" });
    await fit(loaded, again, 1);
    expect(again.indexing.step).toBe(indexing.indexing.step + 4);
  });
});

describe("the layer in tf.model", () => {
  it("returns codes on request, the same that the functional layer gives", async () => {
    const indexing = new PoeemIndexing({ ...own, returnCodes: true });
    const x = tf.input({ shape: [dim] });
    const outputs = indexing.apply(x) as tf.SymbolicTensor[];
    expect(outputs.map((output) => output.shape)).toEqual([[null, dim], [null], [null, 4]]);
    const model = tf.model({ inputs: x, outputs });
    await indexing.indexing.initialize(clustered(n, dim, 1));
    const [quantized, coarseCodes, codes] = model.predict(input()) as tf.Tensor[];
    const direct = indexing.indexing.call(input());
    expect(quantized!.dataSync()).toEqual(direct.quantized.dataSync());
    expect(coarseCodes!.dataSync()).toEqual(direct.coarseCodes.dataSync());
    expect(codes!.dataSync()).toEqual(direct.codes.dataSync());
  });

  it("refuses losses that need queries, which it never sees", () => {
    expect(() => sequential({ routingWeight: 0.1 })).toThrow(
      '"routingWeight" expected 0, because this layer never sees queries, got 0.1',
    );
  });

  it("names what is wrong with its options, and that it is not built yet", () => {
    expect(() => new PoeemIndexing({ ...own, numSubQuantizers: 5 })).toThrow('"dim" expected a multiple');
    expect(() => new PoeemIndexing(own).indexing).toThrow("expected a built layer");
  });
});
