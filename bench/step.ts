/**
 * A training step on a device backend beside wasm: what the host does for an example, the operations of a step and the
 * bytes that are copied. With operations that cost nothing, as on a GPU that is fast enough, the host is what is left.
 *
 *     npm run bench:step -- [--json] [--backend node] [--items 10000] [--batch 8192] [--negatives 4096] [--steps 32]
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { StepProfile } from "./step/result.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    backend: { type: "string", default: "node" },
    items: { type: "string", default: "10000" },
    batch: { type: "string", default: "8192" },
    negatives: { type: "string", default: "4096" },
    steps: { type: "string", default: "32" },
  },
});

const profile = (backend: string): StepProfile =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [join(import.meta.dirname, "step/profile.ts"), backend, flags.items, flags.batch, flags.negatives, flags.steps],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { TF_CPP_MIN_LOG_LEVEL: "2", ...process.env } },
    ),
  ) as StepProfile;

const wasm = profile("wasm");
const device = profile(flags.backend);
const us = (value: number | undefined): string => (value === undefined ? "not metered" : `${value.toFixed(2)} µs`);
const lines = [
  `${flags.items} items, batches of ${flags.batch} with ${flags.negatives} negatives`,
  `wasm: ${us(wasm.microsecondsPerExample)} an example, ${us(wasm.cpuMicrosecondsPerExample)} of the processor`,
  `${device.backend}: ${us(device.microsecondsPerExample)} an example, ${us(device.hostMicrosecondsPerExample)} of the ` +
    `host without operations; ${device.operationsPerStep?.toFixed(0) ?? "?"} operations a step; ` +
    `${device.bytesToDevicePerExample?.toFixed(0) ?? "?"} bytes an example to the device, ` +
    `${device.bytesFromDevicePerExample?.toFixed(2) ?? "?"} from it`,
  ...(device.hostMicrosecondsPerExample === undefined
    ? []
    : [
        `with operations at zero: ${Math.round(1e6 / device.hostMicrosecondsPerExample)} examples a second, ` +
          `${(wasm.microsecondsPerExample / device.hostMicrosecondsPerExample).toFixed(1)} × wasm, ` +
          `${(wasm.cpuMicrosecondsPerExample / device.hostMicrosecondsPerExample).toFixed(1)} × a core of it`,
      ]),
];
if (flags.json) process.stdout.write(`${JSON.stringify({ wasm, device })}\n`);
else process.stdout.write(`${lines.join("\n")}\n`);
