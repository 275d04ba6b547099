import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { BACKENDS } from "../src/backend/names.ts";
import { installCommand } from "../src/backend/optional-package.ts";
import { SWIFTSHADER } from "./backends.ts";

const BIN = fileURLToPath(new URL("../../../apps/trainer/bin/poeem.js", import.meta.url));

const CONFIG = `export default {
  name: "tiny",
  data: {
    items: "SELECT 'i' || i AS id, 'thing' || i AS title FROM range(40) t(i)",
    events: "SELECT 'thing' || e % 40 || ' q' || e % 7 AS query, 'i' || e % 40 AS item FROM range(400) t(e)",
  },
  items: { text: ["title"] },
  split: { testModulus: 0, validation: 0 },
  model: { dim: 8, hiddenDim: 4, minFeatureCount: 1 },
  index: { nlist: 2, numSubQuantizers: 4, bufferSize: 32, nprobe: 2, warmup: 0.2 },
  training: { batchSize: 32, epochs: 1 },
};
`;

describe("useBackend", () => {
  it("takes the first of the order that starts, and says why not the ones before", async () => {
    const lines: string[] = [];
    const taken = await useBackend("auto", (line) => lines.push(line));
    expect(lines).toHaveLength(1);
    const before = BACKENDS.slice(0, BACKENDS.indexOf(taken));
    const refusals = before.map((name) => `; not ${name}: [^;]{5,}`).join("");
    expect(lines[0]).toMatch(new RegExp(`^backend ${taken}${refusals}$`));
    // a reason alone helps nobody
    expect(lines[0]!.match(/ \([^)]{5,}\)/g) ?? []).toHaveLength(before.length);
    // without a GPU that is wasm, whatever else is installed
    expect(before).not.toContain("wasm");
  });

  it("names the command that installs what is missing", async () => {
    for (const name of ["node-gpu", "node", "webgpu"] as const) {
      const error = await useBackend(name).then(
        () => undefined,
        (problem: Error) => problem,
      );
      if (!error) continue; // it is installed here, and works
      expect(error.message).toMatch(new RegExp(`^--backend ${name} cannot be started here; ${name}: .{5,}`));
      if (error.message.includes("not installed")) expect(error.message).toContain(installCommand(name));
    }
  });

  it("makes the one asked for current", async () => {
    for (const name of ["cpu", "wasm"] as const) {
      expect(await useBackend(name)).toBe(name);
      expect(tf.getBackend()).toBe(name);
    }
  });
});

describe("poeem train --backend webgpu", () => {
  it("gives the losses of wasm", async (context) => {
    const folder = await mkdtemp(join(tmpdir(), "poeem-webgpu-"));
    try {
      const config = join(folder, "poeem.config.mjs");
      await writeFile(config, CONFIG);
      const train = (backend: string, env: Record<string, string> = {}) =>
        spawnSync(
          process.execPath,
          [BIN, "train", "--config", config, "--out", join(folder, backend), "--backend", backend, "--json"],
          { encoding: "utf8", env: { ...process.env, ...env } },
        );
      const refused = /cannot be started here; webgpu: (.*)/;
      let run = train("webgpu");
      if (refused.test(run.stderr) && existsSync(SWIFTSHADER)) run = train("webgpu", { VK_ICD_FILENAMES: SWIFTSHADER });
      const reason = refused.exec(run.stderr)?.[1];
      if (reason && process.env["POEEM_BACKENDS"] !== "required") context.skip(`no webgpu here: ${reason}`);
      expect(run.status, run.stderr).toBe(0);
      const [ours, theirs] = [run, train("wasm")].map(({ stdout }) => JSON.parse(stdout) as Record<string, number>);
      expect(Math.abs(ours!["loss"]! / theirs!["loss"]! - 1)).toBeLessThan(1e-3);
      expect(Math.abs(ours!["distortion"]! / theirs!["distortion"]! - 1)).toBeLessThan(1e-2);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
