/**
 * `npm run bench:memory -w @poeem/edge [-- --json] [-- --only towers,paged]`: what an isolate holds at its worst
 * moments. Three indexes with towers of 10.8 MB asked in turn, a tower of 27 MB that is published anew, changes beside
 * a base, 1.5 million items in memory that are published anew, and an index too large for that under heavy searches.
 * Memory is sampled through the inspector of workerd all the while. Ends with an error when it is more than 100 MB.
 */
import { parseArgs } from "node:util";
import { type Artifact, openArtifact, scalarKernel } from "@poeem/pq-core";
import { writeDelta } from "@poeem/pq-core/write";
import { encodeVector } from "../src/http/vector.ts";
import { type Catalogue, makeCatalogue } from "./catalogue.ts";
import { type RunningWorker, startWorker } from "./worker.ts";

const MB = 1e6;
const MOST_MB = 100;
const REFRESH_MS = 31_000;
const mb = (bytes: number) => Math.round((bytes / MB) * 10) / 10;

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string", default: "towers,tower,delta,resident,paged" },
  },
});

/** One scene, in a Worker of its own. */
interface Row {
  readonly scene: string;
  readonly requests: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Versions that were read while requests came. */
  readonly loads: number;
  /** Most that the isolate held, JavaScript heap and array buffers. */
  readonly mostMB: number;
  /** Of that, JavaScript heap. */
  readonly heapMB: number;
  readonly endMB: number;
}

class Scene {
  readonly worker: RunningWorker;
  readonly #latencies: number[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #seen = new Set<string>();
  #most = 0;
  #mostHeap = 0;
  #last = 0;
  #isOver = false;
  readonly #sampling: Promise<void>;

  constructor(worker: RunningWorker) {
    this.worker = worker;
    this.#sampling = this.#sample();
  }

  async #sample(): Promise<void> {
    while (!this.#isOver) {
      const { heap, buffers } = await this.worker.memory();
      this.#last = heap + buffers;
      if (this.#last > this.#most) this.#mostHeap = heap;
      this.#most = Math.max(this.#most, this.#last);
      await wait(5);
    }
  }

  async ask(path: string): Promise<string | undefined> {
    const { status, body, ms } = await this.worker.send(path);
    this.#latencies.push(ms);
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
    if (status !== 200) return undefined;
    const { indexVersion } = JSON.parse(body) as { indexVersion: string };
    this.#seen.add(indexVersion);
    return indexVersion;
  }

  /** Asks until a version answers. */
  async askUntil(version: string, path: string): Promise<void> {
    const until = performance.now() + 2 * REFRESH_MS;
    while ((await this.ask(path)) !== version) {
      if (performance.now() > until) return;
      await wait(50);
    }
  }

  async end(scene: string): Promise<Row> {
    this.#isOver = true;
    await this.#sampling;
    await this.worker.stop();
    const sorted = this.#latencies.toSorted((a, b) => a - b);
    const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))]! * 10) / 10;
    return {
      scene,
      requests: sorted.length,
      statuses: this.#statuses,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      loads: this.#seen.size,
      mostMB: mb(this.#most),
      heapMB: mb(this.#mostHeap),
      endMB: mb(this.#last),
    };
  }
}

const wait = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));
const vector = (catalogue: Catalogue, i: number) => `vector=${encodeVector(catalogue.query(i))}`;

async function begin(artifacts: Readonly<Record<string, Artifact>>): Promise<Scene> {
  const worker = await startWorker({ inspect: true });
  for (const [name, artifact] of Object.entries(artifacts)) await worker.publish(artifact, name);
  return new Scene(worker);
}

const scenes: Readonly<Record<string, () => Promise<Row>>> = {
  async towers() {
    const names = ["current", "second", "third"];
    const made: Record<string, Catalogue> = {};
    for (const [seed, name] of names.entries())
      made[name] = await makeCatalogue(20_000, { towerBytes: 10.8 * MB, seed });
    const scene = await begin(Object.fromEntries(names.map((name) => [name, made[name]!.artifact])));
    for (let i = 0; i < 60; i++) {
      const name = names[i % names.length]!;
      await scene.ask(`/search?${vector(made[name]!, i)}&index=${name}`);
      await wait(50);
    }
    return scene.end("three indexes with towers of 10.8 MB, in turn");
  },
  async tower() {
    const versions: Catalogue[] = [];
    for (let seed = 0; seed < 3; seed++) versions.push(await makeCatalogue(20_000, { towerBytes: 27 * MB, seed }));
    const path = `/search?${vector(versions[0]!, 0)}`;
    const scene = await begin({ current: versions[0]!.artifact });
    await scene.ask(path);
    for (const { artifact } of versions.slice(1)) {
      await scene.worker.publish(artifact);
      await scene.askUntil(artifact.version, path);
    }
    return scene.end("a tower of 27 MB, published anew twice");
  },
  async delta() {
    const { artifact, query } = await makeCatalogue(1_000_000);
    const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
    const index = await openArtifact({ get: async (key) => chunks.get(key)! }, artifact.manifestBytes, {
      kernel: scalarKernel,
    });
    const ordinals = Array.from({ length: 20_000 }, (_, i) => i * 7);
    const { assignments, codes } = await index.codes(ordinals);
    const ids = Uint32Array.from(ordinals, (_, i) => 10_000_000 + i);
    const remove = Array.from({ length: 1000 }, (_, i) => i * 11);
    const delta = await writeDelta(index, { items: { assignments, codes, ids }, remove });
    const scene = await begin({ current: artifact });
    const path = (i: number) => `/search?vector=${encodeVector(query(i))}&nprobe=32&k=100`;
    for (let i = 0; i < 100; i++) await scene.ask(path(i));
    await scene.worker.publish(delta);
    await scene.askUntil(delta.version, path(0));
    for (let i = 0; i < 300; i++) await scene.ask(path(i));
    return scene.end("a million items, and 20,000 beside them");
  },
  async resident() {
    const scene = await begin({});
    for (let seed = 0; seed < 3; seed++) {
      const { artifact, query } = await makeCatalogue(1_500_000, { seed });
      const path = (i: number) => `/search?vector=${encodeVector(query(i))}&k=100`;
      await scene.worker.publish(artifact);
      await scene.askUntil(artifact.version, path(0));
      for (let i = 0; i < 100; i++) await scene.ask(path(i));
    }
    return scene.end("1.5 million items in memory, published anew twice");
  },
  async paged() {
    const versions = [await makeCatalogue(3_000_000), await makeCatalogue(3_000_000, { seed: 1 })];
    const { nlist } = versions[0]!;
    const scene = await begin({ current: versions[0]!.artifact });
    const path = (i: number) => `/search?${vector(versions[0]!, i)}`;
    await scene.ask(path(0));
    const heavy = (i: number) => scene.ask(`${path(i)}&nprobe=${nlist / 16}&k=1000`);
    for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 8 }, (_, j) => heavy(8 * i + j)));
    await scene.worker.publish(versions[1]!.artifact);
    await scene.askUntil(versions[1]!.artifact.version, `${path(1)}&nprobe=8`);
    for (let i = 0; i < 100; i++) await scene.ask(`${path(i)}&nprobe=8`);
    return scene.end("three million items by pages, heavy searches, published anew");
  },
};

const rows: Row[] = [];
for (const name of values.only.split(",")) {
  const run = scenes[name];
  if (run === undefined) throw new Error(`[edge] --only expected ${Object.keys(scenes).join(", ")}, got "${name}"`);
  rows.push(await run());
  if (!values.json) console.log(JSON.stringify(rows.at(-1)));
}
if (values.json) console.log(JSON.stringify(rows));
const over = rows.filter(({ mostMB }) => mostMB > MOST_MB);
for (const { scene, mostMB } of over) console.error(`[edge] ${scene}: expected at most ${MOST_MB} MB, got ${mostMB}`);
if (over.length > 0) process.exitCode = 1;
