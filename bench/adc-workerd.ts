import { fileURLToPath } from "node:url";
import { createTestHarness } from "wrangler";
import type { AdcRow, AdcShape } from "./adc-shapes.ts";

process.env["WRANGLER_SEND_METRICS"] = "false";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
process.env["WRANGLER_LOG"] ??= "error";

/**
 * pq-core inside workerd. Its clock stands still while code runs, so batches of searches are timed from outside and an
 * empty request is taken off.
 */
export class WorkerdPeer {
  readonly #server = createTestHarness({
    workers: [
      {
        config: {
          name: "bench-adc",
          main: fileURLToPath(new URL("./adc-worker.ts", import.meta.url)),
          compatibility_date: "2026-10-01",
        },
      },
    ],
  });

  async start(): Promise<void> {
    await this.#server.listen();
  }

  async open(shape: AdcShape, kernel: string): Promise<void> {
    const got = await this.#ask({ shape, kernel });
    if (got !== kernel) throw new Error(`expected kernel ${kernel} in workerd, got ${got}`);
  }

  /** Mean milliseconds of one search in a batch of `reps`. */
  async run(row: AdcRow, reps: number): Promise<number> {
    const time = async (count: number): Promise<number> => {
      const start = performance.now();
      await this.#ask({ k: row.k, nprobe: row.nprobe, reps: count });
      return performance.now() - start;
    };
    const empty = Math.min(await time(0), await time(0), await time(0));
    return Math.max(0, (await time(reps)) - empty) / reps;
  }

  async close(): Promise<void> {
    await this.#server.close();
  }

  async #ask(body: unknown): Promise<string> {
    const response = await this.#server.fetch("http://bench/", { method: "POST", body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text.slice(0, 300)}`);
    return text;
  }
}
