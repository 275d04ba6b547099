import * as tf from "@tensorflow/tfjs-core";
import { initializers, layers } from "@tensorflow/tfjs-layers";
import { type IndexingLayerConfig, type IndexingLayerOptions, resolveConfig } from "./config.ts";
import { fail } from "./errors.ts";
import { IndexingLayer } from "./layer.ts";
import { LOSS_LIST, type LossOption, type LossOptions } from "./losses/index.ts";
import type { Losses } from "./training-losses.ts";

type LayerArgs = NonNullable<ConstructorParameters<typeof layers.Layer>[0]>;

/** The options of the layer, beside those of any layer of the framework. */
export type PoeemIndexingArgs = LayerArgs &
  IndexingLayerOptions & {
    /** Return [quantized, coarseCodes, codes] instead of quantized alone. Default false. */
    returnCodes?: boolean;
  };

/** Nothing hands queries, or takes a teacher, through `tf.model`. */
const WITHOUT_QUERIES = Object.fromEntries(
  LOSS_LIST.filter(([, { needs }]) => needs !== "items").map(([name]) => [`${name}Weight`, 0]),
) as Partial<LossOptions>;

/**
 * The indexing layer for `tf.sequential` and `tf.model`, saved and loaded with the model. Its losses are added to the
 * model's. `fit` must be told to close steps:
 *
 *   model.fit(x, y, { callbacks: { onBatchEnd: () => indexing.afterStep() } })
 */
export class PoeemIndexing extends layers.Layer {
  static readonly className = "PoeemIndexing";
  readonly #options: IndexingLayerConfig;
  readonly #returnCodes: boolean;
  #inner: IndexingLayer | null = null;
  #schedule: tf.Variable | null = null;
  #lastLosses: Losses | null = null;

  constructor(args: PoeemIndexingArgs) {
    const { inputShape, batchInputShape, batchSize, dtype, name, trainable, weights, inputDType, ...own } = args;
    const given = { inputShape, batchInputShape, batchSize, dtype, name, trainable, weights, inputDType };
    super(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as LayerArgs);
    // Loading a model hands this through to every layer.
    const { returnCodes = false, customObjects: _, ...options } = own as typeof own & { customObjects?: unknown };
    this.#options = resolveConfig({ ...WITHOUT_QUERIES, ...options });
    for (const weight of Object.keys(WITHOUT_QUERIES) as LossOption[]) {
      if (this.#options[weight] > 0) fail(weight, "0, because this layer never sees queries", this.#options[weight]);
    }
    this.#returnCodes = returnCodes;
    // fit adds these to the model's loss right after the forward pass, on the same tape.
    this.addLoss(() => this.#lastLosses?.total ?? tf.scalar(0));
  }

  /** The layer proper. @throws Error before the model is built. */
  get indexing(): IndexingLayer {
    if (!this.#inner) throw new Error('[indexing-layer] "PoeemIndexing" expected a built layer, got one without input');
    return this.#inner;
  }

  override build(_inputShape: unknown): void {
    this.#inner = new IndexingLayer({ ...this.#options }, (name, initial, trainable) =>
      this.#weight(name, initial, trainable),
    );
    this.#schedule = this.#weight("schedule", tf.tensor1d([0, 0]), false);
    this.built = true;
  }

  /**
   * One of the framework's weights as the core's variable. The schedule and the rotation have a copy on the host, which
   * has to follow when weights are loaded or set.
   */
  #weight(name: string, initial: tf.Tensor, trainable: boolean): tf.Variable {
    const weight = this.addWeight(name, initial.shape, "float32", initializers.zeros(), undefined, trainable);
    weight.write(initial);
    if (name === "schedule" || name === "rotation") {
      const write = weight.write.bind(weight);
      weight.write = (value) => {
        write(value);
        this.#resume(name, value);
        return weight;
      };
    }
    return weight.read() as tf.Variable;
  }

  #resume(name: "schedule" | "rotation", value: tf.Tensor): void {
    const values = value.dataSync() as Float32Array;
    if (name === "rotation") this.#inner?.resume(this.#inner.step, this.#inner.ready, values);
    else this.#inner?.resume(values[0]!, values[1] === 1);
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor | tf.Tensor[] {
    const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor2D;
    const result = this.indexing.call(x, { training: kwargs.training ?? false });
    this.#lastLosses = kwargs.training ? result.losses : null;
    return this.#returnCodes ? [result.quantized, result.coarseCodes, result.codes] : result.quantized;
  }

  /** Closes a training step; see `IndexingLayer.afterStep`. */
  async afterStep(): Promise<void> {
    await this.indexing.afterStep();
    this.#lastLosses = null;
    const { step, ready } = this.indexing;
    tf.tidy(() => this.#schedule?.assign(tf.tensor1d([step, ready ? 1 : 0])));
  }

  override computeOutputShape(inputShape: (number | null)[]): (number | null)[] | (number | null)[][] {
    if (!this.#returnCodes) return inputShape;
    const batch = inputShape[0] ?? null;
    return [inputShape, [batch], [batch, this.#options.numSubQuantizers]];
  }

  override getConfig(): tf.serialization.ConfigDict {
    const own = JSON.parse(JSON.stringify({ ...this.#options, returnCodes: this.#returnCodes }));
    return { ...super.getConfig(), ...own };
  }
}

tf.serialization.registerClass(PoeemIndexing);
