import type * as tf from "@tensorflow/tfjs";
import type { Backward } from "../../model/row-source.ts";
import type { TwoTower } from "../../model/two-tower.ts";
import { StepInput } from "./step-input.ts";
import type { StepRows, TowerReads } from "./step-rows.ts";

/** What a step reads, and the way back once it is summed. */
interface HostStep {
  readonly towers: readonly TowerReads[];
  back: readonly Backward[];
}

/** The model's own rows: they are summed and updated on the host, and the backend gets sums and gives gradients. */
export class HostRows implements StepRows<HostStep> {
  readonly readEvery = 1;
  // what inputs read is good until they read again
  readonly isAhead = false;
  readonly #model: TwoTower;
  readonly #inputs: StepInput[] = [];

  constructor(model: TwoTower) {
    this.#model = model;
  }

  prepare(towers: readonly TowerReads[]): HostStep {
    return { towers, back: [] };
  }

  sums(step: HostStep): tf.Variable[] {
    const made = step.towers.map(({ count, reads }, tower) => {
      this.#inputs[tower] ??= new StepInput(this.#model.dim);
      return this.#inputs[tower].variable(count, (out) => {
        const back = reads.map(({ source, lists }) => source.addSums(lists, out));
        return (gradients: Float32Array) => {
          for (const backward of back) backward(gradients);
        };
      });
    });
    step.back = made.map(([, back]) => back);
    return made.map(([input]) => input);
  }

  async update({ back }: HostStep, gradients: readonly tf.Tensor2D[], learningRate: number): Promise<void> {
    const values = await Promise.all(gradients.map((gradient) => gradient.data() as Promise<Float32Array>));
    for (const [tower, backward] of back.entries()) backward(values[tower]!);
    this.#model.stepTables(learningRate);
  }

  async pull(): Promise<void> {}

  reset(): void {}

  dispose(): void {}
}
