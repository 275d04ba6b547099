import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Csr } from "@poeem/training/data/csr";
import { K, type Task } from "../task.ts";

const MAIN = fileURLToPath(new URL("../linear/main.py", import.meta.url));
/** No item: the end of a ranking. */
const NOTHING = 0xffffffff;

/** Whose lists are read, by a name. */
type Lists = "fit" | "fitAll" | "validation" | "test";

/** Rankings that are asked for; others than these keys are the method's own. */
export interface Ask {
  readonly queries: "validation" | "test";
  readonly [option: string]: unknown;
}

export interface Job<A extends Ask> {
  readonly method: "ease" | "elsa";
  readonly fit: "fit" | "fitAll";
  readonly asks: readonly A[];
  readonly [option: string]: unknown;
}

/** Whether a Python has NumPy and SciPy. */
export async function hasScipy(python: string): Promise<boolean> {
  return promisify(execFile)(python, ["-c", "import numpy, scipy.linalg, scipy.sparse"]).then(
    () => true,
    () => false,
  );
}

/** Why a peer that needs Python is left out. */
export const needsPython = (_: Task, python: string | undefined): string | undefined =>
  python === undefined ? "no Python with NumPy and SciPy: name one by --python or POEEM_PYTHON" : undefined;

/** Runs the peers in Python on the lists of one task, which are written once. */
export class LinearAlgebra {
  readonly #python: string;
  readonly #folder: string;
  readonly #numItems: number;

  private constructor(python: string, folder: string, numItems: number) {
    this.#python = python;
    this.#folder = folder;
    this.#numItems = numItems;
  }

  /** Writes the lists of a task into a temporary folder, which is gone when `work` ends. */
  static async *with<T>(
    python: string,
    task: Task,
    work: (algebra: LinearAlgebra) => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    const folder = await mkdtemp(join(tmpdir(), "recs-linear-"));
    try {
      const { fit, fitAll, validation, test } = task;
      const lists = { fit, fitAll, validation: validation.histories, test: test.histories };
      for (const [name, { offsets, values }] of Object.entries(lists) as [Lists, Csr][]) {
        await writeFile(join(folder, `${name}.offsets`), offsets);
        await writeFile(join(folder, `${name}.values`), values);
      }
      yield* work(new LinearAlgebra(python, folder, task.numItems));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /**
   * Runs a job and reads what it ranked.
   *
   * @param times how many rankings an ask gives, one each epoch
   * @returns of each ask its rankings, and what the job says of itself
   */
  async run<A extends Ask, R>(
    { fit, asks, ...options }: Job<A>,
    times: (ask: A) => number | undefined = () => undefined,
  ): Promise<{ ranked: Uint32Array[][][]; said: R }> {
    const path = (name: string): string => join(this.#folder, name);
    const outs = asks.map((_, i) => path(`ranked-${i}`));
    const job = {
      ...options,
      ...{ items: this.#numItems, k: K, fit: path(fit) },
      asks: asks.map((ask, i) => ({ ...ask, queries: path(ask.queries), out: outs[i] })),
    };
    await writeFile(path("job.json"), JSON.stringify(job));
    const child = promisify(execFile)(this.#python, [MAIN, path("job.json")], { maxBuffer: 1 << 26 });
    child.child.stderr?.pipe(process.stderr);
    const said = JSON.parse((await child).stdout) as R;
    const ranked: Uint32Array[][][] = [];
    for (const [i, ask] of asks.entries()) {
      const each = times(ask);
      const files = each === undefined ? [outs[i]!] : Array.from({ length: each }, (_, e) => `${outs[i]!}.${e + 1}`);
      ranked.push(await Promise.all(files.map(readRankings)));
    }
    return { ranked, said };
  }
}

async function readRankings(file: string): Promise<Uint32Array[]> {
  const bytes = await readFile(file);
  const all = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: all.length / K }, (_, query) => {
    const row = all.subarray(query * K, (query + 1) * K);
    const end = row.indexOf(NOTHING);
    return end < 0 ? row : row.subarray(0, end);
  });
}
