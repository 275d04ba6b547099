import type { RowLists } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { EmbeddingTable } from "../../model/embedding-table.ts";
import { LearnedMap } from "../../model/learned-map.ts";
import type { RowSource } from "../../model/row-source.ts";
import { DeviceMap } from "./device-map.ts";
import type { DeviceSource, SourceStep } from "./device-source.ts";
import { DeviceTable } from "./device-table.ts";
import type { StepRows, TowerReads } from "./step-rows.ts";

/** What a step reads of each source, with everything planned. */
interface DeviceStep {
  readonly counts: readonly number[];
  readonly sources: readonly SourceStep[];
}

/**
 * Rows and their optimizer's memory on the device: a step sends the numbers of the rows that it reads, and nothing
 * comes back before it is asked for. The model keeps what it had at the last `pull`.
 */
export class DeviceRows implements StepRows<DeviceStep> {
  // long enough that the host is seldom waited for, and a divergence is told soon
  readonly readEvery = 16;
  readonly isAhead = true;
  readonly #dim: number;
  readonly #sources = new Map<RowSource, DeviceSource>();
  /** Whether the model has what is here. */
  #isPulled = true;

  constructor(dim: number) {
    this.#dim = dim;
  }

  prepare(towers: readonly TowerReads[]): DeviceStep {
    const bySource = new Map<RowSource, { readonly tower: number; readonly lists: RowLists }[]>();
    for (const [tower, { reads }] of towers.entries()) {
      for (const { source, lists } of reads) {
        const own = bySource.get(source);
        if (own) own.push({ tower, lists });
        else bySource.set(source, [{ tower, lists }]);
      }
    }
    return {
      counts: towers.map(({ count }) => count),
      sources: Array.from(bySource, ([source, reads]) => this.#sourceOf(source).prepare(reads)),
    };
  }

  sums({ counts, sources }: DeviceStep): tf.Variable[] {
    return tf.tidy(() => {
      const parts = sources.flatMap((source) => source.sums());
      return counts.map((count, tower) => {
        const own = parts.filter((part) => part.tower === tower).map(({ sums }) => sums);
        if (own.length === 0) return tf.variable(tf.zeros([count, this.#dim]));
        // two by two: webgpu adds no more than some at a time, and says nothing of the rest
        return tf.variable(own.reduce((sum, part) => tf.add(sum, part)));
      });
    });
  }

  async update({ sources }: DeviceStep, gradients: readonly tf.Tensor2D[], learningRate: number): Promise<void> {
    this.#isPulled = false;
    for (const source of sources) tf.tidy(() => source.update(gradients, learningRate));
  }

  async pull(): Promise<void> {
    if (this.#isPulled) return;
    for (const source of this.#sources.values()) await source.pull();
    this.#isPulled = true;
  }

  reset(): void {
    this.dispose();
  }

  dispose(): void {
    for (const source of this.#sources.values()) source.dispose();
    this.#sources.clear();
    this.#isPulled = true;
  }

  #sourceOf(source: RowSource): DeviceSource {
    const own = this.#sources.get(source) ?? toDevice(source);
    this.#sources.set(source, own);
    return own;
  }
}

function toDevice(source: RowSource): DeviceSource {
  if (source instanceof EmbeddingTable) return new DeviceTable(source);
  if (source instanceof LearnedMap) return new DeviceMap(source);
  throw new TypeError(`no device has a ${source.constructor.name}`);
}
