import { existsSync } from "node:fs";
import { useBackend } from "../src/backend/backend.ts";
import type { Backend } from "../src/backend/names.ts";

/** Chromium brings a Vulkan driver of its own, for machines whose driver is missing or too old for Dawn. */
export const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** A backend that tests of device steps run on. */
export interface TestBackend {
  readonly name: string;
  /** How `treatAsDevice` is to be told of it. */
  readonly isDevice: boolean | undefined;
  /** Whether a processor may pose as a GPU: a step takes a second there. */
  readonly isSlow: boolean;
  /** Steps of a comparison. */
  readonly steps: number;
  /** Makes it current. @returns the reason where it cannot be had here */
  start(): Promise<string | undefined>;
}

/**
 * wasm posing as a device, which every machine has, and first, and the devices that not every machine has: with
 * POEEM_BACKENDS=required all of them have to be there, with POEEM_BACKENDS=none none is looked for.
 */
export function backendsHere(): readonly TestBackend[] {
  return [
    { name: "wasm, taken for a device", isDevice: true, isSlow: false, steps: 12, start: () => refusalOf("wasm") },
    { name: "libtensorflow", isDevice: undefined, isSlow: false, steps: 12, start: () => refusalOf("node") },
    { name: "webgpu", isDevice: undefined, isSlow: true, steps: 4, start: startWebGpuHere },
  ];
}

async function refusalOf(backend: Backend): Promise<string | undefined> {
  if (process.env["POEEM_BACKENDS"] === "none" && backend !== "wasm") return "POEEM_BACKENDS=none";
  try {
    await useBackend(backend);
    return undefined;
  } catch (error) {
    if (process.env["POEEM_BACKENDS"] === "required") throw error;
    return (error as Error).message;
  }
}

async function startWebGpuHere(): Promise<string | undefined> {
  if (existsSync(SWIFTSHADER)) process.env["VK_ICD_FILENAMES"] ??= SWIFTSHADER;
  return refusalOf("webgpu");
}
