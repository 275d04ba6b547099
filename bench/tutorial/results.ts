import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Precision, QueryHalf } from "./evaluate.ts";
import type { Model } from "./rows.ts";

/** One trained and measured model. */
export interface Result {
  readonly model: string;
  /** Hash of the model's settings: results of other settings are not reused. */
  readonly settings: string;
  readonly seed: number;
  readonly half: QueryHalf;
  /** By nprobe, in the order of the model's `nprobes`. */
  readonly precision: readonly Precision[];
  /** The same, scored by unit inner product, where the model's own scoring is the original's. */
  readonly unitPrecision?: readonly Precision[];
  /** Mean over items of |x - T(x)|², 0 for the dense model. */
  readonly distortion: number;
  /** Whole run: all steps over all seconds, initialisation included. */
  readonly stepsPerSecond: number;
  readonly jointStepsPerSecond: number;
  readonly seconds: number;
}

/** Results as lines of JSON, appended as they come. */
export class ResultsFile {
  readonly #path: string;
  readonly #lines: Result[];

  constructor(path: string, fresh: boolean) {
    this.#path = path;
    if (fresh) writeFileSync(path, "");
    const text = existsSync(path) ? readFileSync(path, "utf8") : "";
    this.#lines = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Result);
  }

  find(model: Model, seed: number, half: QueryHalf): Result | undefined {
    const settings = settingsHash(model);
    return this.#lines.find(
      (r) => r.model === model.name && r.settings === settings && r.seed === seed && r.half === half,
    );
  }

  add(result: Result): void {
    this.#lines.push(result);
    appendFileSync(this.#path, `${JSON.stringify(result)}\n`);
  }
}

export function settingsHash(model: Model): string {
  return createHash("sha256").update(JSON.stringify(model)).digest("hex").slice(0, 12);
}
