import { existsSync } from "node:fs";
import * as tf from "@tensorflow/tfjs";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { treatAsDevice } from "../src/index.ts";
import { useBackend } from "./helpers.ts";

/** Backends on the host, as they are and as if they were those of a device. */
const HOSTS = ["cpu", "wasm"] as const;
export const SIMULATED = ["cpu as a device", "wasm as a device"] as const;
export type Place = (typeof HOSTS)[number] | (typeof SIMULATED)[number] | "tensorflow" | "webgpu";

// Chromium brings a Vulkan driver that computes on the processor.
const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * Runs the tests of a file, or of the block it is called in, on a backend; skips them where it cannot be had, with the
 * reason. POEEM_BACKENDS=required makes that a failure, POEEM_BACKENDS=none skips what is not always installed.
 */
export function runOn(place: Place): void {
  let missing: string | undefined;
  beforeAll(async () => {
    missing = await use(place);
  });
  beforeEach((context) => {
    if (missing) context.skip(`no ${place} here: ${missing}`);
  });
  afterAll(() => {
    treatAsDevice(undefined);
    stopWebGpu();
  });
}

/** Makes a backend current, or says why that cannot be. */
export async function use(place: Place): Promise<string | undefined> {
  const [name, asDevice] = place.split(" ") as [string, string | undefined];
  treatAsDevice(asDevice ? true : undefined);
  if (name === "cpu" || name === "wasm") {
    await useBackend(name);
    return undefined;
  }
  if (process.env["POEEM_BACKENDS"] === "none") return "POEEM_BACKENDS=none";
  try {
    if (name === "webgpu") await startWebGpu();
    else await load("@tensorflow/tfjs-node");
    if (!(await tf.setBackend(name))) throw new Error(`${name} did not start`);
    await tf.ready();
    return undefined;
  } catch (error) {
    if (process.env["POEEM_BACKENDS"] === "required") throw error;
    await useBackend("cpu");
    return (error as Error).message;
  }
}

let gpu: { requestAdapter(options: object): Promise<object | null> } | undefined;

async function startWebGpu(): Promise<void> {
  if (gpu) return;
  const { create, globals } = (await load("webgpu")) as { create(options: string[]): typeof gpu; globals: object };
  if (existsSync(SWIFTSHADER)) process.env["VK_ICD_FILENAMES"] ??= SWIFTSHADER;
  const found = create([])!;
  if (!(await found.requestAdapter({}))) throw new Error("no adapter that Dawn accepts");
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis.navigator, "gpu", { value: found, configurable: true });
  await load("@tensorflow/tfjs-backend-webgpu");
  gpu = found;
}

/** Lets go of Dawn, which otherwise keeps the process alive. */
function stopWebGpu(): void {
  if (!gpu) return;
  gpu = undefined;
  tf.removeBackend("webgpu");
  Reflect.deleteProperty(globalThis.navigator, "gpu");
}

/** By a name that is only known at run time, so that the compiler does not want the package. */
async function load(name: string): Promise<Record<string, unknown>> {
  try {
    return await import(name);
  } catch (error) {
    const [sentence] = (error as Error).message.split("\n");
    throw new Error(`${name} cannot be loaded: ${sentence}`, { cause: error });
  }
}
