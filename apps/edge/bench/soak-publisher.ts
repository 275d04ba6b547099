/** Publishes, rolls back and changes indexes while they serve, and knows what each version must answer. */
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { writeDelta } from "@poeem/pq-core/write";
import { type Fixture, makeFixture } from "../test/fixture.ts";
import { K, questions, type Scored } from "./soak-questions.ts";
import type { Published, RunningWorker } from "./worker.ts";

const ITEMS = 2_000;
const TOWER_ROW_BYTES = 20;

interface Version {
  readonly published: Published;
  readonly seed: number;
  /** Of each question. */
  readonly expected: readonly (readonly Scored[])[];
  /** Where it came from; a delta has that of its base. */
  readonly fixture: Fixture;
}

/** Moves of one pointer: which version it was given, in order. */
interface Pointer {
  readonly moves: string[];
}

/** See above. Versions are told apart by name, as two indexes may serve the same one. */
export class SoakPublisher {
  readonly #worker: RunningWorker;
  readonly #unasked: number;
  readonly #versions = new Map<string, Version>();
  readonly #pointers = new Map<string, Pointer>();
  #seed = 1_000;

  /** @param towerMB size of the query tower of each version */
  constructor(worker: RunningWorker, towerMB: number) {
    this.#worker = worker;
    this.#unasked = Math.round((towerMB * 1e6) / TOWER_ROW_BYTES);
  }

  version(version: string): Version | undefined {
    return this.#versions.get(version);
  }

  /** The version that the pointer of an index names. */
  newest(name: string): string | undefined {
    return this.#pointers.get(name)?.moves.at(-1);
  }

  /** How many moves of its pointer led to this version, the last of them counted: larger is newer; 0 for none. */
  placeOf(name: string, version: string): number {
    return (this.#pointers.get(name)?.moves.lastIndexOf(version) ?? -1) + 1;
  }

  /** A version that shares nothing with others. */
  async publish(name: string): Promise<void> {
    const seed = ++this.#seed;
    const fixture = await makeFixture(seed, ITEMS, undefined, undefined, undefined, undefined, this.#unasked);
    await this.#serve(name, {
      ...{ fixture, seed, published: fixture.artifact },
      expected: questions.map(({ oracle }) => oracle(fixture).slice(0, K)),
    });
  }

  /** The version before the last one again, as `poeem rollback` does. */
  async rollBack(name: string): Promise<void> {
    const { moves } = this.#pointers.get(name)!;
    const before = moves.findLast((version) => version !== moves.at(-1));
    if (before === undefined) return this.publish(name);
    await this.#worker.point(before, name);
    moves.push(before);
  }

  /** What serves, less sixty items and with one more, which has the codes of item:7. */
  async publishDelta(name: string): Promise<void> {
    const { fixture, seed } = this.#versions.get(this.newest(name)!)!;
    const chunks = new Map(fixture.artifact.chunks.map(({ key, bytes }) => [key, bytes]));
    const source = { get: async (key: string) => chunks.get(key)! };
    const index = await openArtifact(source, fixture.artifact.manifestBytes, { kernel: scalarKernel });
    const id = `new:${this.#pointers.get(name)!.moves.length}`;
    const start = 100 + 60 * (this.#pointers.get(name)!.moves.length % 20);
    const removed = new Set(Array.from({ length: 60 }, (_, i) => `item:${start + i}`));
    const { assignments, codes } = await index.codes(await index.ordinals(["item:7"]));
    const delta = await writeDelta(index, {
      items: {
        ...{ assignments, codes, ids: [id], fields: [{ title: id, set: "odd", glyph: "🎂", seed }] },
        ...{ facets: { set: ["odd"], tag: [undefined] }, numbers: { year: [2026] } },
      },
      remove: [...removed],
    });
    const changed: Fixture = {
      ...fixture,
      ids: [...fixture.ids, id],
      decoded: [...fixture.decoded, fixture.decoded[7]!],
    };
    await this.#serve(name, {
      ...{ fixture, seed, published: delta },
      expected: questions.map(({ oracle }) =>
        oracle(changed)
          .filter(({ id }) => !removed.has(id))
          .slice(0, K),
      ),
    });
  }

  async #serve(name: string, version: Version): Promise<void> {
    this.#versions.set(version.published.version, version);
    const pointer = this.#pointers.get(name) ?? { moves: [] };
    this.#pointers.set(name, pointer);
    // Before it is there: it may be answered from as soon as it is.
    pointer.moves.push(version.published.version);
    await this.#worker.publish(version.published, name);
  }
}
