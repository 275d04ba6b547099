import { createCodebook, decode, encode } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { IndexingLayer } from "../src/index.ts";
import { clustered, useBackend, worstDifference } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

/*
 * The layer takes the argmax of y·c - |c|²/2 in single precision on the backend, pq-core the argmin of |y - c|² on
 * the host: where two centroids are equally near to within rounding they may differ, and nowhere else.
 */
describe("agreement with pq-core", () => {
  const shapes = [
    { nlist: 8, numSubQuantizers: 8, nbits: 8 },
    { nlist: 16, numSubQuantizers: 16, nbits: 4 },
    { nlist: 0, numSubQuantizers: 8, nbits: 4 },
    { nlist: 5, numSubQuantizers: 32, nbits: 4 },
  ] as const;
  const dim = 32;
  const n = 1500;
  const items = clustered(n, dim, 6, 50, 0.8);

  for (const backend of ["wasm", "cpu"] as const) {
    for (const shape of shapes) {
      it(`on ${backend}, ${JSON.stringify(shape)}: same cells, codes but for near-ties, and vectors`, async () => {
        const options = { dim, ...shape, bufferSize: 1000, opqIterations: 2, kmeansIterations: 5 };
        const fitted = new IndexingLayer(options);
        await fitted.initialize(items);
        const state = await fitted.getState();
        fitted.dispose();
        await useBackend(backend);
        const layer = new IndexingLayer(options);
        layer.setState(state);
        const codebook = createCodebook({ ...(await layer.codebook()), metric: "innerProduct" });
        const result = layer.call(tf.tensor2d(items, [n, dim]));
        const cells = Uint32Array.from(result.coarseCodes.dataSync());
        const codes = Uint8Array.from(result.codes.dataSync());

        const expected = encode(codebook, items);
        expect(differences(cells, expected.assignments)).toBeLessThanOrEqual(1);
        const given = encode(codebook, items, shape.nlist > 0 ? cells : undefined);
        const nearTies = differences(codes, given.codes);
        expect(nearTies).toBeLessThanOrEqual(codes.length * 1e-4);
        // A near-tie decodes to another vector that is as near: the distances agree where the codes do not.
        const decoded = decode(codebook, cells, codes);
        expect(
          worstDifference(distances(items, decoded), distances(items, decode(codebook, cells, given.codes))),
        ).toBeLessThan(1e-5);
        expect(worstDifference(result.quantized.dataSync(), decoded)).toBeLessThan(1e-5);
        layer.dispose();
        await useBackend("wasm");
      });
    }
  }

  function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
    expect(a.length).toBe(b.length);
    let count = 0;
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) count++;
    return count;
  }

  function distances(a: Float32Array, b: Float32Array): Float64Array {
    const out = new Float64Array(n);
    for (let i = 0; i < a.length; i++) out[Math.floor(i / dim)]! += (a[i]! - b[i]!) ** 2;
    return out;
  }
});
