import { type ChildProcess, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A Python process with Faiss that answers one JSON line for each JSON line. */
export class FaissPeer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;
  readonly #answers: string[] = [];

  /** @param level Faiss's SIMD level, e.g. AVX2; undefined = what it picks */
  constructor(python: string, level: string | undefined) {
    const env = { ...process.env, OMP_NUM_THREADS: "1", ...(level === undefined ? {} : { POEEM_FAISS_LEVEL: level }) };
    this.#child = spawn(python, [fileURLToPath(new URL("./adc-faiss.py", import.meta.url))], {
      env,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#interface = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  async hello(): Promise<{ faiss: string; level: string }> {
    return this.#answer();
  }

  async ask<T>(command: unknown): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    return this.#answer();
  }

  close(): void {
    this.#child.stdin!.end();
  }

  async #answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the Faiss process ended early; its message is above");
    this.#answers.push(value);
    return JSON.parse(value) as T;
  }
}
