import { join } from "node:path";
import { readVectors } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { ITEM_VECTORS_FILE } from "@poeem/training/artifact/export";
import { useBackend } from "@poeem/training/backend/backend";
import { queryEncoders } from "@poeem/training/evaluate/encoder";
import { unitRows } from "@poeem/training/evaluate/evaluation";
import { rankExhaustively } from "@poeem/training/rank/dense-rank";
import { K, type OpenTask } from "../task.ts";
import { FACTOR_BYTES, rabitqVectors, shapesOf } from "./rabitq.ts";

interface Coded {
  readonly method: string;
  readonly bytesPerItem: number;
  readonly counted: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly ranked: Uint32Array[];
  readonly seconds: number;
}

/**
 * RaBitQ of the dense vectors of an index in every shape of so many bytes, all items scanned. Queries are made by the
 * index's own query tower; like those of every index, they read histories from the codes.
 */
export async function* rankWithRabitq(
  folder: string,
  { dataset, test }: OpenTask,
  bytes: number,
  seed: number,
): AsyncGenerator<Coded> {
  await useBackend("auto");
  const index = await openIndexDirectory(folder);
  const { dim, metric, nlist } = index.manifest;
  const stored = await readVectors(join(folder, ITEM_VECTORS_FILE), dim);
  const dense = metric === "cosine" ? unitRows(stored, dim) : stored;
  const { encodeFor } = await queryEncoders(index, test, dataset, seed);
  for (const shape of shapesOf(bytes, dim)) {
    const started = performance.now();
    const items = await rabitqVectors(dense, dim, shape, nlist, seed);
    const ranked = await rankExhaustively(await encodeFor(items), { items, dim, k: K, seen: test.histories });
    yield {
      method: `RaBitQ of our dense table, ${shape.bits} bit × ${shape.padded}`,
      bytesPerItem: bytes + FACTOR_BYTES,
      counted: `${FACTOR_BYTES} B for the factor of an item`,
      settings: { dim, ...shape, nlist },
      ranked,
      seconds: (performance.now() - started) / 1000,
    };
  }
}
