import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TrainingLog } from "@poeem/training/train/training-log";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

// `poeem train` as a process of its own, killed at many moments. 200 items and 2,400 events of 4 kinds; 64 steps or so,
// 40 % of them warm-up, then two that gather items for the k-means start.
const CONFIG = `export default {
  name: "small",
  data: {
    items: "SELECT 'i' || i AS id, 'thing' || i || ' kind' || i % 4 AS title FROM range(200) t(i)",
    events: "SELECT 'thing' || e % 200 || ' q' || e % 17 AS query, 'i' || e % 200 AS item FROM range(2400) t(e)",
  },
  items: { text: ["title"], textFromEvents: true },
  split: { testModulus: 10 },
  model: { dim: 16, hiddenDim: 8, minFeatureCount: 1 },
  index: { nlist: 4, numSubQuantizers: 8, bufferSize: 128, nprobe: 4 },
  training: { batchSize: 64, epochs: 2, earlyStopping: 4 },
};
`;
const FAULT = fileURLToPath(new URL("fault.mjs", import.meta.url));
const BIN = fileURLToPath(new URL("../bin/poeem.js", import.meta.url));
const LOG = "training-log.json";

let folder: string;
let config: string;
/** An index that nothing got in the way of, in a folder that training had to make. */
let whole: string;
let output: string;
let expected: Map<string, string>;
let expectedLog: TrainingLog;
/** The steps after which items were gathered, and after which the codebooks were in place. */
let gathering: number;
let joint: number;

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output: string;
}

interface Fault {
  readonly on: "rename" | "writeFile" | "write" | "sync";
  /** Regular expression that the path of the file must match. */
  readonly path: string;
  readonly action?: "kill" | "SIGTERM" | "ENOSPC";
  readonly after?: number;
}

function start(out: string, options: string[] = [], fault?: Fault): Run {
  const preload = fault ? ["--import", FAULT] : [];
  const command = [BIN, "train", "--config", config, "--out", out, "--backend", "wasm", ...options];
  const child = spawn(process.execPath, [...preload, ...command], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...(fault ? { FAULT: JSON.stringify(fault) } : {}) },
  });
  const run: Run = { child, ended: once(child, "exit").then(([code]) => code as number | null), output: "" };
  child.stderr?.on("data", (data) => {
    run.output += String(data);
  });
  return run;
}

/** Every file of an index by its path, as base64; without the log and the report of it, whose seconds differ. */
async function contents(out: string): Promise<Map<string, string>> {
  const names = (await readdir(out, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const files = names
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !file.endsWith(LOG) && !file.endsWith("report.html"));
  return new Map(
    await Promise.all(
      files.sort().map(async (file) => [file.slice(out.length), (await readFile(file)).toString("base64")] as const),
    ),
  );
}

function names(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-kill-"));
  config = join(folder, "poeem.config.mjs");
  await writeFile(config, CONFIG);
  whole = join(folder, "made", "whole");
  const run = start(whole);
  expect(await run.ended, run.output).toBe(0);
  output = run.output;
  expected = await contents(whole);
  expectedLog = JSON.parse(await readFile(join(whole, "model", LOG), "utf8"));
  [gathering, joint] = expectedLog.milestones.map((milestone) => milestone.step) as [number, number];
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const resumed = async (out: string): Promise<void> => {
  const run = start(out, ["--resume", "--checkpoint-every", "0"]);
  expect(await run.ended, run.output).toBe(0);
  expect(await contents(out)).toEqual(expected);
  // nothing of the killed processes is left
  expect(names(folder).filter((name) => name.includes(out.slice(folder.length + 1)))).toEqual([
    out.slice(folder.length + 1),
  ]);
};

it("says what goes on after the last step", async () => {
  const manifest = JSON.parse(await readFile(join(whole, "manifest.json"), "utf8"));
  const [, after] = output.split(/^train 100%.*\n/m);
  const lines = after!.split("\n").filter((line) => !line.startsWith("validation recall"));
  expect(lines.map((line) => line.replace(/100%.*/, "100%").replace(folder, ""))).toEqual([
    "embed 100%",
    "encode 100%",
    "compare towers 100%",
    // with the queries of an item as long a field as they are, and with length leaving no trace
    "weigh words 100%",
    "weigh words 100%",
    expect.stringMatching(/^weight of codes beside words /),
    // nothing degrades in silence: whether so small a model can tell nonsense is chance
    ...(manifest.words.near ? [] : [expect.stringMatching(/^the confidence of results counts words alone: /)]),
    "writing the index to /made/whole",
    "drawing report.html",
    expect.stringMatching(/^index /),
    "",
  ]);
});

describe("poeem train --resume after kill -9", () => {
  it("gives the same index, byte for byte, whenever it was killed", async () => {
    const out = join(folder, "killed");
    const step = (n: number): string => `step-${String(n).padStart(10, "0")}`;
    const last = expectedLog.records.at(-1)!.step;
    const moments: Record<string, Fault> = {
      "before the first checkpoint": { on: "sync", path: `${step(1)}\\.ckpt\\.tmp$` },
      "in the middle of the first": { on: "write", path: "ckpt\\.tmp$", after: 2 },
      "in the warm-up": { on: "rename", path: `${step(5)}\\.ckpt$` },
      "while items are gathered for the k-means start": { on: "rename", path: `${step(gathering + 1)}\\.ckpt$` },
      "as the joint phase starts": { on: "sync", path: `${step(joint)}\\.ckpt\\.tmp$` },
      "in joint training, while a checkpoint is written": { on: "write", path: `${step(joint + 9)}`, after: 5 },
      "at the last step": { on: "rename", path: `${step(last)}\\.ckpt$` },
      "while the index is written": { on: "writeFile", path: "item-vectors" },
      "when the index would take its place": { on: "rename", path: "/killed$" },
    };
    for (const [moment, fault] of Object.entries(moments)) {
      const run = start(out, ["--resume", "--checkpoint-every", "0"], { ...fault, action: "kill" });
      await run.ended;
      expect(run.child.signalCode, `${moment}: ended before\n${run.output}`).toBe("SIGKILL");
      expect(existsSync(out)).toBe(false);
    }
    await resumed(out);
  }, 1_200_000);

  it("brings an index back that had stepped aside for its successor", async () => {
    const out = join(folder, "aside");
    await cp(whole, out, { recursive: true });
    const run = start(out, ["--checkpoint-every", "0"], { on: "rename", path: "/aside$", action: "kill" });
    await run.ended;
    expect(run.child.signalCode, run.output).toBe("SIGKILL");
    // even a command that fails tidies up first
    const broken = start(out, ["--resume", "--seed", "9"]);
    expect(await broken.ended).toBe(1);
    expect(await contents(out)).toEqual(expected);
    await resumed(out);
  });
});

describe("a stop and its answer", () => {
  it("Ctrl-C saves, says how to go on, ends with 130; --resume gives the same index", async () => {
    const out = join(folder, "stopped");
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const run = start(out, ["--resume"]);
      while (
        run.child.exitCode === null &&
        !run.output.includes("gathering") &&
        !run.output.includes("resuming from step")
      )
        await new Promise((done) => setTimeout(done, 1));
      // a signal before the loop starts ends the process at once; what is asked here is the one after
      await new Promise((done) => setTimeout(done, signal === "SIGINT" ? 0 : 150));
      run.child.kill(signal);
      expect(await run.ended, run.output).toBe(130);
      expect(run.output).toMatch(/stopped.*--resume continues from/);
    }
    await resumed(out);
  });

  it("a signal in the last step stops there; --resume gives the same index", async () => {
    const out = join(folder, "at-the-end");
    const last = expectedLog.records.at(-1)!.step;
    const path = `step-${String(last).padStart(10, "0")}\\.ckpt$`;
    const run = start(out, ["--checkpoint-every", "0"], { on: "rename", path, action: "SIGTERM" });
    expect(await run.ended, run.output).toBe(130);
    expect(run.output).toMatch(new RegExp(`stopped at step ${last} of \\d+; .*--resume continues from there`));
    expect(existsSync(out)).toBe(false);
    await resumed(out);
  });

  it.each(["item-vectors", "report\\.html"])(
    "a signal while %s is written lets the index become whole, and says so",
    async (path) => {
      const out = join(folder, `finished-${path.slice(0, 4)}`);
      const run = start(out, [], { on: "writeFile", path, action: "SIGTERM" });
      expect(await run.ended, run.output).toBe(0);
      expect(run.output).toContain(`finishing the index in ${out}; once more to stop at once`);
      expect(run.output).not.toContain("stopped");
      expect(await contents(out)).toEqual(expected);
      expect(existsSync(join(out, "report.html"))).toBe(true);
      expect(existsSync(`${out}.checkpoints`)).toBe(false);
    },
    600_000,
  );

  it("refuses to resume with another seed, and names it", async () => {
    const out = join(folder, "other");
    const run = start(out, ["--checkpoint-every", "0"], { on: "rename", path: "step-0000000003", action: "kill" });
    await run.ended;
    const other = start(out, ["--resume", "--seed", "7"]);
    expect(await other.ended).toBe(1);
    const last = other.output.trim().split("\n").at(-1);
    expect(last).toContain("was made with another config.training.seed: 1, now 7");
  });

  for (const [what, fault] of Object.entries({
    "of a checkpoint": { on: "write", path: "step-0000000020", after: 4 },
    "of the index": { on: "writeFile", path: "item-vectors" },
  } satisfies Record<string, Fault>)) {
    it(`a full disk in the middle ${what} is one clear line; the index and the checkpoint before stay`, async () => {
      const out = join(folder, `full-${fault.on}`);
      await cp(whole, out, { recursive: true });
      const run = start(out, ["--checkpoint-every", "0"], { ...fault, action: "ENOSPC" });
      expect(await run.ended).toBe(1);
      expect(run.output).toMatch(
        /\npoeem: cannot write (a checkpoint|the index) to .*: ENOSPC: no space left on device.*\n$/,
      );
      expect(await contents(out)).toEqual(expected);
      expect(names(`${out}.checkpoints`).filter((name) => name.startsWith("step-"))).toHaveLength(2);
      await resumed(out);
    });
  }

  it("an unwritable folder is one clear line, and the index that was there stays", async () => {
    const out = join(folder, "kept", "index");
    await cp(whole, out, { recursive: true });
    // a file where the checkpoints' folder should be stops root too, whom no permission stops
    await writeFile(`${out}.checkpoints`, "");
    const second = start(out);
    expect(await second.ended).toBe(1);
    expect(second.output).toMatch(/poeem: cannot write a checkpoint to .*checkpoints: E/);
    expect(await contents(out)).toEqual(expected);
    await rm(`${out}.checkpoints`);
    if (process.getuid?.() === 0) return;
    await chmod(join(folder, "kept"), 0o500);
    const third = start(out);
    expect(await third.ended).toBe(1);
    expect(third.output).toMatch(/cannot be written to/);
    await chmod(join(folder, "kept"), 0o700);
    expect(await contents(out)).toEqual(expected);
  });
});
