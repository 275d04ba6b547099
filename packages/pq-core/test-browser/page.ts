/**
 * Runs in the browser, bundled by browser.test.ts: the conformance suite, the golden files and the committed
 * rankings.
 */
import { loadKernel, supportsRelaxedSimd } from "../src/index.ts";
import { scalarKernel } from "../src/kernel/scalar-kernel.ts";
import { adcConformance } from "../test/conformance.ts";
import { GOLDEN, observe } from "../test/golden.ts";
import { openWhole } from "../test/open-whole.ts";
import { observeRankings, type Rankings } from "../test/rankings.ts";

/** What one kernel did here. Strings and numbers only: it crosses to Node as JSON. */
export interface BrowserRun {
  /** Title of a conformance case → its complaint, "" for none. */
  readonly conformance: Record<string, string>;
  /** Folder → what was found in the golden artifact. */
  readonly golden: Record<string, unknown>;
  readonly rankings: readonly Rankings[];
  readonly supportsRelaxedSimd: boolean;
  readonly userAgent: string;
}

const read = async (path: string): Promise<ArrayBuffer> => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.arrayBuffer();
};

async function run(name: "scalar" | "simd" | "relaxed-simd", kernelFile: string | undefined): Promise<BrowserRun> {
  const kernelModule =
    kernelFile === undefined ? undefined : await WebAssembly.compile(await read(`/wasm/${kernelFile}`));
  const conformance: Record<string, string> = {};
  adcConformance({
    name,
    makeKernel: kernelModule === undefined ? scalarKernel : loadKernel(kernelModule),
    test: (title, body) => {
      try {
        body();
        conformance[title] = "";
      } catch (error) {
        conformance[title] = String(error);
      }
    },
  });
  const golden: Record<string, unknown> = {};
  for (const { folder, query } of GOLDEN) {
    const get = async (file: string): Promise<Uint8Array> => new Uint8Array(await read(`/fixtures/${folder}/${file}`));
    const index = await openWhole({ get }, await get("manifest.json"), { kernelModule });
    golden[folder] = { kernel: index.kernel, ...(await observe(index, query)) };
  }
  return {
    conformance,
    golden,
    rankings: [await observeRankings(kernelModule, false), await observeRankings(kernelModule, true)],
    supportsRelaxedSimd: supportsRelaxedSimd(),
    userAgent: navigator.userAgent,
  };
}

Object.assign(globalThis, { run });
