import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Random } from "@poeem/indexing-layer";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { createCodebook, writeArtifact } from "@poeem/pq-core/write";
import { ITEM_TOWER_FILE, itemTowerBytes } from "@poeem/training/artifact/item-tower-file";
import { resolveConfig } from "@poeem/training/config";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const BIN = fileURLToPath(new URL("../bin/poeem.js", import.meta.url));
const FAULT = fileURLToPath(new URL("fault.mjs", import.meta.url));

let folder: string;
let index: string;
let items: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "poeem-shard-"));
  index = join(folder, "index");
  const random = new Random(1);
  const codebook = createCodebook({
    ...{ dim: 4, metric: "innerProduct", nlist: 0, numSubQuantizers: 2, nbits: 4, byResidual: false },
    ...{ coarseCentroids: new Float32Array(0), centroids: Float32Array.from({ length: 64 }, () => random.normal()) },
  });
  const config = resolveConfig({ name: "n", data: { items: "-" }, items: { embeddings: ["vec"] } }, "test");
  const coded = { ids: ["a"], assignments: new Uint32Array(1), codes: new Uint8Array(2) };
  const artifact = await writeArtifact({ codebook, ...coded, training: { config, fieldKinds: {} } });
  const embedding = { kind: "embedding" as const, columns: [{ name: "vec", length: 4, map: undefined }] };
  const weights = { width: 4, inputs: [embedding], layers: [], skip: false };
  await writeIndexDirectory(index, artifact, { [ITEM_TOWER_FILE]: itemTowerBytes({ weights }) });
  items = join(folder, "items.jsonl");
  const rows = Array.from({ length: 50 }, (_, i) => ({ id: `i${i}`, vec: [1, i, -i, 2] }));
  await writeFile(items, rows.map((row) => JSON.stringify(row)).join("\n"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** `poeem encode-shard` as a process of its own. */
async function run(args: string[], own: Record<string, string> = {}) {
  const preload = own["FAULT"] ? ["--import", FAULT] : [];
  const command = [...preload, BIN, "encode-shard", "--index", index, "--items", items, ...args];
  // these tests may run as a task themselves
  const none = { JOB_COMPLETION_INDEX: "", AWS_BATCH_JOB_ARRAY_INDEX: "", CLOUD_RUN_TASK_INDEX: "" };
  const child = spawn(process.execPath, command, { env: { ...process.env, ...none, ...own } });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream].on("data", (data) => {
      said[stream] += String(data);
    });
  const [code, signal] = await once(child, "close");
  return { ...said, code: code as number | null, signal: signal as string | null };
}

describe("poeem encode-shard", () => {
  it("takes its part from the environment and says what it did as one JSON object", async () => {
    const out = join(folder, "shards");
    let all = 0;
    for (let i = 0; i < 3; i++) {
      const { stdout, stderr, code } = await run(["--shards", "3", "--out", out, "--json"], {
        JOB_COMPLETION_INDEX: String(i),
      });
      expect(code, stderr).toBe(0);
      const { seconds, rowsPerSecond, codebook, rows, ...facts } = JSON.parse(stdout);
      expect(facts).toEqual({ out: join(out, `shard-0000${i}-of-00003.parquet`), shard: i, of: 3, skipped: 0 });
      expect([codebook.length, seconds > 0, rowsPerSecond > 0]).toEqual([64, true, true]);
      all += rows;
    }
    expect(all).toBe(50);
  });

  it("killed at the last moment leaves nothing called .parquet, and the same bytes when it is run again", async () => {
    const whole = join(folder, "whole.parquet");
    expect(await run(["--out", whole])).toMatchObject({ code: 0 });
    const out = join(folder, "killed");
    const fault = JSON.stringify({ on: "rename", path: "parquet$", action: "kill" });
    expect(await run(["--out", out], { FAULT: fault })).toMatchObject({ signal: "SIGKILL" });
    const left = await readdir(out);
    expect(left).toEqual([expect.stringMatching(/^shard-00000-of-00001\.parquet\..*\.tmp$/)]);
    expect(await run(["--out", out])).toMatchObject({ code: 0 });
    expect(await readFile(join(out, "shard-00000-of-00001.parquet"))).toEqual(await readFile(whole));
  });

  it("says in a line or two what is wrong, and ends with 1", async () => {
    const { code, stderr } = await run(["--out", join(folder, "none"), "--shards", "3"], { JOB_COMPLETION_INDEX: "3" });
    expect(code).toBe(1);
    expect(stderr).toBe("poeem: JOB_COMPLETION_INDEX=3: expected an index of 0 to 2, as there are 3 shards, got 3\n");
  });
});
