import { cpuOfChildren } from "../../apps/edge/bench/inspector.ts";
import { startWorker } from "../../apps/edge/bench/worker.ts";
import { encodeVector } from "../../apps/edge/src/http/vector.ts";
import type { Asked } from "./search.ts";

/** The isolate may hold no more. */
export const MOST_MB = 100;
const SAMPLE_MS = 5;
/** Heavy searches: so many times the usual cells, k, and requests at a time. */
const HEAVY = { factor: 4, k: 100, atOnce: 8, rounds: 5 };

export interface WorkerRow {
  readonly name: string;
  readonly requests: number;
  readonly atOnce: number;
  /** Answers that are none, and what the first of them says. */
  readonly refused: number;
  readonly refusal: string | undefined;
  /** Of the answers, against all codes; where answers have ten items. */
  readonly overlapAt10: number | undefined;
  readonly reads: number;
  readonly bytes: number;
  /** Of the process, with what hands over chunks. */
  readonly cpuMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Most that the isolate held: JavaScript heap, array buffers and kernels. */
  readonly isolateMB: number;
  readonly processMB: number;
}

export interface WorkerSearch {
  /** Cells, or runs of them, that searches visit here. */
  readonly nprobe: number;
  /** What the Worker says to a search that names no nprobe, where it refuses. */
  readonly defaultRefusal: string | undefined;
  readonly coldStartMs: number;
  readonly coldReads: number;
  readonly rows: readonly WorkerRow[];
  readonly mostMB: number;
}

/** Asks the built Worker in workerd, which reads chunks from an index folder. */
export async function searchInWorkerd(
  folder: string,
  version: string,
  asked: readonly Asked[],
  nprobe: number,
  hasFilters: boolean,
): Promise<WorkerSearch> {
  const worker = await startWorker({ inspect: true, folder });
  try {
    await worker.point(version);
    const vectorOf = ({ vector }: Asked) => `/search?vector=${encodeVector(vector)}`;
    const pathOf = (of: Asked, more: string) =>
      `${vectorOf(of)}${more.includes("nprobe") ? "" : `&nprobe=${nprobe}`}${more}`;
    const cold = await worker.ask(pathOf(asked[0]!, ""));
    const { chunks: coldReads = 0 } = await worker.trouble("/counts");
    const byDefault = await worker.send(vectorOf(asked[0]!));
    const defaultRefusal = byDefault.status === 200 ? undefined : byDefault.body;
    const rows: WorkerRow[] = [];
    const measure = async (name: string, of: readonly Asked[], more: string, atOnce = 1): Promise<void> => {
      await worker.collectGarbage();
      const before = await worker.trouble("/counts");
      const times: number[] = [];
      const overlaps: number[] = [];
      const refusals: string[] = [];
      const most = { isolate: 0, process: 0 };
      let isOver = false;
      const sampling = (async () => {
        for (; !isOver; await new Promise((wake) => setTimeout(wake, SAMPLE_MS))) {
          const { heap, buffers, rss } = await worker.memory();
          most.isolate = Math.max(most.isolate, heap + buffers);
          most.process = Math.max(most.process, rss);
        }
      })();
      const cpu = cpuOfChildren("workerd");
      let next = 0;
      const client = async (): Promise<void> => {
        for (let one = of[next++]; one !== undefined; one = of[next++]) {
          const { status, body, ms } = await worker.send(pathOf(one, more));
          times.push(ms);
          if (status !== 200) {
            refusals.push(`${status}: ${body.slice(0, 300)}`);
            continue;
          }
          const { results } = JSON.parse(body) as { readonly results: readonly { readonly id: unknown }[] };
          const ids = new Set(results.map(({ id }) => String(id)));
          if (results.length === 10) overlaps.push(one.best.filter((id) => ids.has(String(id))).length / 10);
        }
      };
      await Promise.all(Array.from({ length: atOnce }, client));
      const cpuMs = (cpuOfChildren("workerd") - cpu) / of.length;
      isOver = true;
      await sampling;
      const after = await worker.trouble("/counts");
      const each = (name: string): number => ((after[name] ?? 0) - (before[name] ?? 0)) / of.length;
      times.sort((a, b) => a - b);
      const at = (share: number): number => times[Math.floor(share * (times.length - 1))]!;
      const isPlain = more === "" && overlaps.length === of.length;
      rows.push({
        ...{
          name,
          requests: of.length,
          atOnce,
          refused: refusals.length,
          refusal: refusals[0],
          reads: each("chunks"),
          bytes: each("bytes"),
          cpuMs,
        },
        overlapAt10: isPlain ? overlaps.reduce((sum, overlap) => sum + overlap, 0) / of.length : undefined,
        ...{ p50Ms: at(0.5), p99Ms: at(0.99), isolateMB: most.isolate / 1e6, processMB: most.process / 1e6 },
      });
    };
    await measure("k 10", asked, "");
    await measure(
      "k 10, the same 20 vectors",
      Array.from(asked, (_, i) => asked[i % 20]!),
      "",
    );
    await measure("k 10, 8 at once", asked, "", 8);
    if (hasFilters) await measure("k 10, year ≥ 2020", asked, `&filter=${encodeURIComponent("year>=2020")}`);
    const { factor, k, atOnce, rounds } = HEAVY;
    const heavy = Array.from({ length: rounds * atOnce }, (_, i) => asked[i % asked.length]!);
    await measure(`k ${k}, ${factor} × nprobe, ${atOnce} at once`, heavy, `&nprobe=${factor * nprobe}&k=${k}`, atOnce);
    return {
      nprobe,
      defaultRefusal,
      coldStartMs: cold.ms,
      coldReads,
      rows,
      mostMB: Math.max(...rows.map(({ isolateMB }) => isolateMB)),
    };
  } finally {
    await worker.stop();
  }
}
