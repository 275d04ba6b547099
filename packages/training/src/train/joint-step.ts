import type { IndexingLayer, Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { expectNoGpuTrouble } from "../backend/webgpu.ts";
import type { FittedConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import { DenseOptimizer } from "../model/dense-optimizer.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { joinStates, randomState, restoreParts, type State, type Stateful } from "../state.ts";
import { NewItems } from "./new-items.ts";
import type { LearnedScale } from "./objectives/scale.ts";
import { createStepRows } from "./rows/create-step-rows.ts";
import type { StepRows } from "./rows/step-rows.ts";

/** What one step measured. */
export interface StepResult {
  /** What the objective makes of the right answers. */
  readonly loss: number;
  /** Mean over the batch of ‖x − x̂‖², 0 while the quantizer is bypassed. */
  readonly distortion: number;
}

/** What every step works on. */
export interface StepParts {
  readonly config: FittedConfig;
  readonly dataset: Dataset;
  readonly model: TwoTower;
  readonly layer: IndexingLayer;
  readonly random: Random;
}

/** What a step made of the item vectors: what gradients are taken of, and what is reported. */
export interface StepLosses {
  readonly total: tf.Scalar;
  readonly ranking: tf.Scalar;
  readonly distortion?: tf.Scalar | undefined;
}

/** A step with everything that the host does for it, and all that is drawn at random. */
export interface PreparedStep {
  /** What the towers read; the items' tower last. */
  readonly rows: unknown;
  /** Of the item vectors (items, dim) and the sums of the query tower's inputs (events, dim). */
  readonly losses: (vectors: tf.Tensor2D, queryInput: tf.Tensor2D | undefined) => StepLosses;
}

/** (rows, dim) of 1 and 0: which coordinates of what a history is read from are read in a step; undefined: all. */
export type DroppedCoordinates = (() => tf.Tensor2D) | undefined;

/**
 * One step of joint training: towers → indexing layer → objective + the layer's losses → gradients →
 * optimizers. Tables are gathered and updated where they lie (`StepRows`). On a device nothing is read back before
 * `results`, and the host prepares the next step in the meantime.
 */
export abstract class JointStep implements Stateful {
  readonly #parts: StepParts;
  readonly #scale: LearnedScale | undefined;
  readonly #optimizer: DenseOptimizer;
  readonly #rows: StepRows;
  readonly #newItems: NewItems;
  /** Of each step since the last `results`: its ranking loss and distortion, or undefined where it was passed over. */
  readonly #measured: (tf.Tensor1D | undefined)[] = [];
  /** A step that is prepared already, and what the random numbers were before that. */
  #ahead:
    | { readonly events: Uint32Array; readonly step: PreparedStep | undefined; readonly random: number }
    | undefined;

  constructor(parts: StepParts, scale?: LearnedScale) {
    const { config, model } = parts;
    this.#parts = parts;
    this.#scale = scale;
    const variables = [...model.variables, ...(scale?.variables ?? [])];
    this.#optimizer = new DenseOptimizer(config.training.optimizer, variables);
    this.#rows = createStepRows(model);
    this.#newItems = new NewItems(config, parts.dataset);
  }

  /** Steps whose results are read together: more of them let the host run ahead of a device. */
  get readEvery(): number {
    return this.#rows.readEvery;
  }

  /** What the host does for a step; undefined for one whose events teach nothing. @param events in the event list */
  protected abstract prepare(events: Uint32Array): PreparedStep | undefined;

  /**
   * Takes a step.
   * @param events positions in the event list
   * @param rateShare share of the configured learning rates, for a schedule
   * @param next events of the step after it, the very array that it will be given: prepared meanwhile where that helps
   */
  async take(events: Uint32Array, rateShare: number, next?: Uint32Array): Promise<void> {
    const step = this.#prepared(events);
    if (step) await this.#compute(step, rateShare);
    else await this.#pass();
    if (!next || !this.#rows.isAhead) return;
    const random = this.#parts.random.state;
    this.#ahead = { events: next, step: this.prepare(next), random };
  }

  /** What the steps since the last call measured, in their order. */
  async results(): Promise<StepResult[]> {
    const measured = this.#measured.splice(0);
    const taken = measured.filter((one) => one !== undefined);
    const all = taken.length > 1 ? tf.concat1d(taken) : taken[0];
    const values = all ? await all.data() : [];
    tf.dispose([...taken, ...(all ? [all] : [])]);
    expectNoGpuTrouble();
    let at = 0;
    return measured.map((one) =>
      one ? { loss: values[at++]!, distortion: values[at++]! } : { loss: 0, distortion: 0 },
    );
  }

  /** Takes a step, and waits for what it measured. */
  async run(events: Uint32Array, rateShare: number): Promise<StepResult> {
    await this.take(events, rateShare);
    return (await this.results()).at(-1)!;
  }

  /** Brings the model up to date with the steps taken: before it is read, or its state. */
  pull(): Promise<void> {
    return this.#rows.pull();
  }

  #prepared(events: Uint32Array): PreparedStep | undefined {
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (!ahead) return this.prepare(events);
    if (ahead.events === events) return ahead.step;
    this.#parts.random.state = ahead.random;
    return this.prepare(events);
  }

  /**
   * What the towers read of a batch.
   * @param items that compete
   * @param events of the queries; none where a query is nothing but a history
   * @param asked the queries that the leading items are each to be found by
   */
  protected read({
    items,
    events,
    asked,
  }: {
    readonly items: Uint32Array;
    readonly events: Uint32Array | undefined;
    readonly asked?: Uint32Array | undefined;
  }): unknown {
    const { model, random } = this.#parts;
    const queries = events && {
      count: events.length,
      reads: model.queryInputs.read({ events }, { random }),
    };
    const asNew = this.#newItems.draw(items, random);
    const own = { count: items.length, reads: model.itemInputs.read(items, { random, asked, asNew }) };
    return this.#rows.prepare(queries ? [queries, own] : [own]);
  }

  async #compute(step: PreparedStep, rateShare: number): Promise<void> {
    const { config, model, layer } = this.#parts;
    const inputs = this.#rows.sums(step.rows);
    const itemInput = inputs.at(-1) as unknown as tf.Tensor2D;
    const queryInput = inputs.length > 1 ? (inputs[0] as unknown as tf.Tensor2D) : undefined;
    const scales = this.#scale?.variables ?? [];
    let kept: { readonly vectors: tf.Tensor2D; readonly measured: tf.Tensor1D } | undefined;
    const { value, grads } = tf.variableGrads(() => {
      const vectors = model.embedItems(itemInput);
      const { total, ranking, distortion } = step.losses(vectors, queryInput);
      const measured = tf.stack([ranking, distortion ?? tf.scalar(0)]) as tf.Tensor1D;
      kept = { vectors: tf.keep(tf.clone(vectors)), measured: tf.keep(measured) };
      return total;
    }, [...inputs, ...model.variables, ...scales]);

    this.#optimizer.apply(grads, config.training.towerLearningRate * rateShare);
    this.#scale?.clip();
    await layer.afterStep(kept!.vectors);
    const gradients = inputs.map(({ name }) => grads[name] as tf.Tensor2D);
    await this.#rows.update(step.rows, gradients, config.training.learningRate * rateShare);
    this.#measured.push(kept!.measured);
    tf.dispose([value, grads, ...inputs, kept!.vectors]);
  }

  /** A step whose events have no history learns nothing, but the warm-up and the gathering of items go by steps. */
  async #pass(): Promise<void> {
    const { layer, model } = this.#parts;
    const none = tf.zeros<tf.Rank.R2>([0, model.dim]);
    if (!layer.ready) await layer.afterStep(none);
    none.dispose();
    this.#measured.push(undefined);
  }

  /** Draws which coordinates of what a history is read from are read. */
  protected drawDropped(rows: number): DroppedCoordinates {
    const { model, config, random } = this.#parts;
    const { sourceDropout } = config.training;
    if (sourceDropout === 0) return undefined;
    const kept = new Float32Array(rows * model.dim);
    for (let i = 0; i < kept.length; i++) kept[i] = Number(random.uniform() >= sourceDropout);
    return () => tf.tensor2d(kept, [rows, model.dim]);
  }

  /** What steps leave behind beside model and layer. */
  get #left(): Record<string, Stateful> {
    const { random } = this.#parts;
    const scale = this.#scale;
    const drawn: Stateful = {
      // a step that is prepared will be prepared again
      state: () => ({ state: this.#ahead?.random ?? random.state }),
      restore: (state) => randomState(random).restore(state),
    };
    return { optimizer: this.#optimizer, ...(scale && { scale }), random: drawn };
  }

  state(): Promise<State> {
    return joinStates(this.#left);
  }

  /** The model has to be restored before. */
  restore(state: State): void {
    this.#ahead = undefined;
    this.#rows.reset();
    restoreParts(this.#left, state);
  }

  dispose(): void {
    tf.dispose(this.#measured.splice(0).filter((one) => one !== undefined));
    this.#rows.dispose();
    this.#optimizer.dispose();
    this.#scale?.dispose();
  }
}
