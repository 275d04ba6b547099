import type { StepResult } from "./joint-step.ts";
import { RECORDS_A_RUN, type TrainingLog, type TrainingRecord } from "./training-log.ts";

/** Where training ended, per epoch. */
export interface EpochFacts {
  readonly epoch: number;
  readonly loss: number;
  readonly distortion: number;
}

/** Means over some steps. */
interface Sums {
  steps: number;
  loss: number;
  quantizedSteps: number;
  distortion: number;
}

/** Everything `Measurements` knows, as plain JSON: a checkpoint's facts. Doubles survive JSON unchanged. */
export interface MeasurementFacts {
  readonly step: number;
  readonly seconds: number;
  readonly epoch: Sums;
  readonly interval: Sums;
  readonly epochs: readonly EpochFacts[];
  readonly records: readonly TrainingRecord[];
  readonly milestones: TrainingLog["milestones"];
}

const noSums = (): Sums => ({ steps: 0, loss: 0, quantizedSteps: 0, distortion: 0 });

/** What a training measured so far, over all runs that were resumed together. */
export class Measurements {
  step = 0;
  readonly epochs: EpochFacts[] = [];
  readonly records: TrainingRecord[] = [];
  readonly #milestones: { step: number; text: string }[] = [];
  readonly #stepsPerEpoch: number;
  readonly #batchSize: number;
  readonly #recordEvery: number;
  #epochSums = noSums();
  #intervalSums = noSums();
  #secondsBefore = 0;
  readonly #started = performance.now();

  constructor(shape: { stepsPerEpoch: number; epochs: number; batchSize: number }, before?: MeasurementFacts) {
    this.#stepsPerEpoch = shape.stepsPerEpoch;
    this.#batchSize = shape.batchSize;
    this.#recordEvery = Math.max(1, Math.floor((shape.stepsPerEpoch * shape.epochs) / RECORDS_A_RUN));
    if (!before) return;
    this.step = before.step;
    this.#secondsBefore = before.seconds;
    this.#epochSums = { ...before.epoch };
    this.#intervalSums = { ...before.interval };
    this.epochs.push(...before.epochs);
    this.records.push(...before.records);
    this.#milestones.push(...before.milestones);
  }

  /** Seconds of training, without the time between a stop and its resumption. */
  get seconds(): number {
    return this.#secondsBefore + (performance.now() - this.#started) / 1000;
  }

  get examples(): number {
    return this.step * this.#batchSize;
  }

  /** The epoch that the last step lies in, from 1. */
  get currentEpoch(): number {
    return Math.ceil(this.step / this.#stepsPerEpoch);
  }

  /** Mean loss of the epoch so far; of the whole epoch at its end. */
  get epochLoss(): number {
    const { steps, loss } = this.#epochSums;
    return steps > 0 ? loss / steps : (this.epochs.at(-1)?.loss ?? 0);
  }

  /** @param quantized whether this step's items passed the quantizer */
  addStep(result: StepResult, quantized: boolean): void {
    this.step++;
    for (const sums of [this.#epochSums, this.#intervalSums]) {
      sums.steps++;
      sums.loss += result.loss;
      if (!quantized) continue;
      sums.quantizedSteps++;
      sums.distortion += result.distortion;
    }
    if (this.step % this.#stepsPerEpoch !== 0) return;
    const { loss, distortion } = means(this.#epochSums);
    this.epochs.push({ epoch: this.step / this.#stepsPerEpoch, loss, distortion: distortion ?? 0 });
    this.#epochSums = noSums();
  }

  /** Adds a record where one is due, or where there is a validation to note. */
  record(validationRecall?: number): void {
    if (this.#intervalSums.steps === 0 || (validationRecall === undefined && this.step % this.#recordEvery !== 0))
      return;
    this.records.push({
      step: this.step,
      epoch: this.currentEpoch,
      examples: this.examples,
      ...means(this.#intervalSums),
      ...(validationRecall === undefined ? {} : { validationRecall }),
      seconds: this.seconds,
    });
    this.#intervalSums = noSums();
  }

  milestone(text: string): void {
    this.#milestones.push({ step: this.step, text });
  }

  log(validation?: TrainingLog["validation"]): TrainingLog {
    const { records } = this;
    const milestones = this.#milestones;
    return { records, milestones, ...(validation ? { validation } : {}) };
  }

  facts(): MeasurementFacts {
    const { step, seconds, epochs, records } = this;
    const milestones = this.#milestones;
    return { step, seconds, epoch: this.#epochSums, interval: this.#intervalSums, epochs, records, milestones };
  }
}

function means(sums: Sums): { loss: number; distortion: number | null } {
  return {
    loss: sums.loss / sums.steps,
    distortion: sums.quantizedSteps > 0 ? sums.distortion / sums.quantizedSteps : null,
  };
}
