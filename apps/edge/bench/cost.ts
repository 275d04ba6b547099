/** What requests cost the Worker: CPU, memory beyond the index, reads of KV, bytes of the answer. */
import { cpuOfChildren, rssOfChildren } from "./inspector.ts";
import type { RunningWorker, Sent } from "./worker.ts";

export interface Cost {
  /** Answers by status, such as "200" or "401 × 5, 429 × 45". */
  readonly status: string;
  /** Of the workerd process, all threads: the Worker, its garbage collector, and handing over what is read from KV. */
  readonly cpuMs: number;
  /**
   * Most that the isolate held beyond what it held before, JavaScript heap and array buffers, MB. The inspector is
   * answered only while the Worker waits, so what comes and goes between two waits is not in it.
   */
  readonly heapMB: number;
  /** Most that the process held beyond what it held before, MB; misses nothing, and has garbage in it. */
  readonly processMB: number;
  readonly kvReads: number;
  /** Of the largest answer. */
  readonly bytes: number;
  /** On the wall, all requests together. */
  readonly ms: number;
  /** Of the last answer that is no success: the parameters that it names and what it says. */
  readonly refusal: string;
}

const SAMPLE_MS = 5;
const mb = (bytes: number) => Math.round(bytes / 1e5) / 10;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends the requests one after another. The Worker was started with `inspect` and `badDay`. */
export async function costOf(worker: RunningWorker, requests: readonly Sent[]): Promise<Cost> {
  await worker.collectGarbage();
  const before = await worker.memory();
  const reads = readsOf(await worker.trouble("/counts"));
  let isRunning = true;
  let mostHeap = 0;
  let mostRss = 0;
  const heaps = (async () => {
    for (; isRunning; await wait(SAMPLE_MS)) {
      const { heap, buffers } = await worker.memory();
      mostHeap = Math.max(mostHeap, heap + buffers - before.heap - before.buffers);
    }
  })();
  // Beside it, because an answer of the inspector may take as long as the request.
  const processes = (async () => {
    for (; isRunning; await wait(SAMPLE_MS)) mostRss = Math.max(mostRss, rssOfChildren("workerd") - before.rss);
  })();
  const statuses = new Map<number, number>();
  let bytes = 0;
  let refusal = "";
  const startedAt = performance.now();
  const cpuBefore = cpuOfChildren("workerd");
  for (const { path, body, headers } of requests) {
    const answer = await worker.send(path, body, headers);
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    bytes = Math.max(bytes, Buffer.byteLength(answer.body));
    if (answer.status >= 400) refusal = refusalOf(answer.body);
  }
  const cpuMs = cpuOfChildren("workerd") - cpuBefore;
  const ms = performance.now() - startedAt;
  isRunning = false;
  await Promise.all([heaps, processes]);
  const parts = Array.from(statuses, ([status, times]) =>
    requests.length === 1 ? `${status}` : `${status} × ${times}`,
  );
  return {
    status: parts.join(", "),
    cpuMs: Math.round(cpuMs * 10) / 10,
    heapMB: mb(mostHeap),
    processMB: mb(mostRss),
    kvReads: readsOf(await worker.trouble("/counts")) - reads,
    bytes,
    ms: Math.round(ms),
    refusal,
  };
}

function readsOf({ pointers = 0, chunks = 0 }: Record<string, number>): number {
  return pointers + chunks;
}

function refusalOf(body: string): string {
  try {
    const { type, detail, errors } = JSON.parse(body) as {
      type: string;
      detail: string;
      errors?: readonly { parameter: string }[];
    };
    const named = errors === undefined ? "" : ` [${errors.map(({ parameter }) => parameter).join()}]`;
    return `${type.slice(type.lastIndexOf(":") + 1)}${named}: ${detail.slice(0, 120)}`;
  } catch {
    return body.slice(0, 80);
  }
}
