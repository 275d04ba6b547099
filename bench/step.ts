/**
 * A training step on a device backend beside wasm: what the host does for an example, the operations of a step and the
 * bytes that are copied. With operations that cost nothing, as on a GPU that is fast enough, the host is what is left.
 *
 *     npm run bench:step -- [--json] [--backend node] [--items 10000] [--batch 8192] [--negatives 4096] [--steps 32]
 *         [--config poeem.config.ts] [--data FOLDER]
 *
 * The catalogue is random, or that of a configuration.
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
    config: { type: "string", default: "" },
    data: { type: "string" },
    batch: { type: "string", default: "8192" },
    negatives: { type: "string", default: "4096" },
    steps: { type: "string", default: "32" },
  },
});

const profile = (backend: string): StepProfile =>
  JSON.parse(
    execFileSync(
      process.execPath,
      [
        join(import.meta.dirname, "step/profile.ts"),
        backend,
        flags.config || flags.items,
        flags.batch,
        flags.negatives,
        flags.steps,
        ...(flags.data ? [flags.data] : []),
      ],
      { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] },
    ),
  ) as StepProfile;

const wasm = profile("wasm");
const device = profile(flags.backend);
const { hostMicrosecondsPerExample: host } = device;
const us = (value: number): string => `${value.toFixed(2)} µs`;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
if (flags.json) process.stdout.write(`${JSON.stringify({ wasm, device })}\n`);
else {
  say(`${flags.config || `${flags.items} items`}, batches of ${flags.batch} with ${flags.negatives} negatives`);
  say(`wasm: ${us(wasm.microsecondsPerExample)} an example, ${us(wasm.cpuMicrosecondsPerExample)} of the processor`);
  const peak = `${Math.round(device.peakMemoryBytes / 2 ** 20)} MiB`;
  say(`${device.backend}: ${us(device.microsecondsPerExample)} an example, peak ${peak}`);
  if (host === undefined) say("only TensorFlow's own backend can be metered");
  else {
    say(`of that ${us(host)} of the host without ${Math.round(device.operationsPerStep!)} operations a step`);
    const [to, from] = [device.bytesToDevicePerExample!, device.bytesFromDevicePerExample!];
    say(`bytes an example: ${Math.round(to)} to the device, ${from.toFixed(2)} from it`);
    const times = (own: number): string => `${(own / host).toFixed(1)} ×`;
    const [wall, core] = [times(wasm.microsecondsPerExample), times(wasm.cpuMicrosecondsPerExample)];
    say(`with operations at zero: ${Math.round(1e6 / host)} examples a second, ${wall} wasm, ${core} a core of it`);
  }
}
