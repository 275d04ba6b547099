/** Publishers, rollbacks and prunes at the same time, over a KV that shows writes late. */

import { UserError } from "@poeem/offline/errors";
import { parsePointer, pointerKey } from "@poeem/pq-core/kv";
import { describe, expect, it } from "vitest";
import { pruneStore } from "../src/prune.ts";
import { publishInto } from "../src/publish-into.ts";
import type { CheckedArtifact } from "../src/read-artifact.ts";
import { rollbackTo } from "../src/rollback.ts";
import type { Store } from "../src/store.ts";
import { checkedArtifact, keysOf } from "./artifacts.ts";
import { World } from "./world.ts";

/** PUBLISH_SEEDS=5000 for a long look; a suite needs no more than this. */
const SEEDS = Number(process.env["PUBLISH_SEEDS"] ?? 80);
const NAMES = ["current", "books"];
/** A reader looks at the pointer at least as often as this, KV's caches included. */
const READER_MS = 600_000;
const artifacts = await Promise.all(Array.from({ length: 6 }, (_, seed) => checkedArtifact(seed)));
const artifactOf = new Map(artifacts.map((artifact) => [artifact.manifest.version, artifact]));

/** Watches a world: whatever readers may be using has to be complete at every moment. */
function watch(world: World): { moves: string[]; broken: string[] } {
  const serving = new Map<string, string>();
  let retired: { version: string; at: number }[] = [];
  const [moves, broken]: [string[], string[]] = [[], []];
  world.onChange = (changed) => {
    for (const name of NAMES.filter((name) => changed === pointerKey(name))) {
      const { version } = parsePointer(new TextDecoder().decode(world.truth(changed)!));
      const before = serving.get(name);
      if (before !== undefined && before !== version) retired.push({ version: before, at: world.now });
      serving.set(name, version);
      moves.push(`${name} ${version}`);
    }
    retired = retired.filter(({ at }) => world.now - at < READER_MS);
    for (const version of new Set([...serving.values(), ...retired.map((past) => past.version)])) {
      const missing = keysOf(artifactOf.get(version)!).filter((key) => world.truth(key) === null);
      if (missing.length > 0) broken.push(`${version} lacks ${missing[0]} after a change of ${changed}`);
    }
  };
  return { moves, broken };
}

const expectUserError = (error: unknown): undefined => {
  expect(error).toBeInstanceOf(UserError);
};

describe.each([
  ["a KV that shows writes at once", 0],
  ["a KV that shows writes within a minute", 60_000],
])("%s", (_, propagationMs) => {
  const failures: string[] = [];
  const done = { publish: 0, rollback: 0, prune: 0, deleted: 0 };

  /** Someone who publishes, rolls back and prunes at random, hours apart or at once. */
  const worker = (world: World) => async (store: Store) => {
    const pick = <T>(items: readonly T[]): T => items[Math.floor(world.random() * items.length)]!;
    const { clock } = world;
    for (let i = 0; i < 6; i++) {
      await clock.sleep(pick([0, 10_000, 60_000, 600_000, 4_000_000]) * world.random());
      const task = world.random();
      try {
        if (task < 0.5) {
          const artifact: CheckedArtifact = pick(artifacts);
          await publishInto(store, artifact, {
            name: pick(NAMES),
            clock,
            verify: pick(["all", "new"]),
            groupBytes: 600,
          });
          done.publish++;
        } else if (task < 0.65) {
          await rollbackTo(store, pick(NAMES), undefined, { clock });
          done.rollback++;
        } else {
          done.deleted += (await pruneStore(store, 2, clock)).chunks.length;
          done.prune++;
        }
      } catch (error) {
        // There may be nothing to roll back to, or a manifest may not be seen yet. Publishing works, unless a killed
        // prune's claim and those of others after it stand in the way for an hour.
        const isExpected = task < 0.5 ? /a prune is under way since/.test(String(error)) : error instanceof UserError;
        if (!isExpected) failures.push(String(error));
      }
    }
  };

  it.each(Array.from({ length: SEEDS / 10 }, (_, i) => [10 * i]))(
    "never lacks what readers need (seeds from %i)",
    async (first) => {
      for (let seed = first; seed < first + 10; seed++) {
        const world = new World(seed, propagationMs);
        const { broken } = watch(world);
        await world.run(
          Array.from({ length: 3 }, () => worker(world)),
          seed % 2 === 0 ? 0 : 0.002,
        );
        expect({ seed, broken, failures }).toEqual({ seed, broken: [], failures: [] });
      }
    },
  );

  it("did all of that often", () => {
    expect(Math.min(done.publish, done.rollback, done.prune, done.deleted)).toBeGreaterThan(20);
  });

  it("does not prune from under someone who brings back what was about to go", async () => {
    let [deleted, brought] = [0, 0];
    for (let seed = 0; seed < 2 * SEEDS; seed++) {
      const world = new World(seed, propagationMs);
      const { broken } = watch(world);
      const { clock, random } = world;
      await world.run(
        [
          async (store) => {
            for (const artifact of artifacts.slice(0, 5)) {
              await publishInto(store, artifact, { clock });
              await clock.sleep(2 * 3_600_000);
            }
          },
        ],
        0,
      );
      // versions 0, 1 and 2 may go: let them be pruned, published again and rolled back to within the same minutes
      const soon = () => clock.sleep(random() * (1000 + 5 * propagationMs));
      const bringBack = async (store: Store): Promise<void> => {
        await soon();
        if (random() < 0.3) {
          const { version } = artifacts[1]!.manifest;
          // it may be gone already
          await rollbackTo(store, "current", version, { clock }).catch(expectUserError);
        } else {
          const name = random() < 0.5 ? "current" : "books";
          await publishInto(store, artifacts[random() < 0.5 ? 0 : 2]!, { name, clock, verify: "new", groupBytes: 600 });
          brought++;
        }
      };
      const prune = async (store: Store): Promise<void> => {
        await soon();
        // a manifest may not be seen yet
        const plan = await pruneStore(store, 2, clock).catch(expectUserError);
        deleted += plan?.chunks.length ?? 0;
      };
      await world.run([bringBack, prune, bringBack, prune], 0);
      expect({ seed, broken }).toEqual({ seed, broken: [] });
    }
    expect(Math.min(deleted, brought)).toBeGreaterThan(SEEDS / 2);
  });

  it("lets one of two publishers win and the other be rolled back to", async () => {
    const winners = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const world = new World(seed, propagationMs);
      const { moves, broken } = watch(world);
      const [one, two] = [artifacts[0]!, artifacts[1]!];
      const publish = (artifact: CheckedArtifact) => async (store: Store) => {
        await publishInto(store, artifact, { clock: world.clock, groupBytes: 600 });
      };
      await world.run([publish(one), publish(two)], 0);
      expect(broken).toEqual([]);
      expect(moves.map((move) => move.split(" ")[1]).sort()).toEqual(
        [one, two].map(({ manifest }) => manifest.version).sort(),
      );
      const winner = moves.at(-1)!.split(" ")[1]!;
      winners.add(winner);
      const loser = [one, two].find(({ manifest }) => manifest.version !== winner)!.manifest.version;
      await world.run(
        [
          async (store) => {
            await world.clock.sleep(propagationMs);
            await rollbackTo(store, "current", loser, { clock: world.clock });
          },
        ],
        0,
      );
      expect(moves.at(-1)).toBe(`current ${loser}`);
    }
    expect(winners.size).toBe(2);
  });
});
