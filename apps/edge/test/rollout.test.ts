/** Publishing, as readers live through it: good versions, damaged ones, and the way back. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import type { KvReader } from "../src/index/kv-store.ts";
import type { IndexEvent, TakeOver } from "../src/log.ts";
import { type Fixture, makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const [one, two]: [Fixture, Fixture] = [await makeFixture(11), await makeFixture(12)];
const flipByte = (at: number) => (bytes: Uint8Array) => {
  const damaged = bytes.slice();
  damaged[at < 0 ? damaged.length + at : at]! ^= 1;
  return damaged;
};

beforeEach(async () => {
  for (const { name } of (await env.INDEX.list()).keys) await env.INDEX.delete(name);
});

/** What may go wrong with a value on its way, each under the keys it is tried on. */
const damages: [string, RegExp, (bytes: Uint8Array) => Uint8Array | null][] = [
  ["a missing codebook", /chunk\/codebook/, () => null],
  ["a flipped byte in the codebook", /chunk\/codebook/, flipByte(-1)],
  ["a flipped byte in the lists", /chunk\/lists/, flipByte(100)],
  ["lists cut short", /chunk\/lists/, (bytes) => bytes.slice(0, -5)],
  ["empty lists", /chunk\/lists/, () => new Uint8Array(0)],
  ["a missing query tower", /chunk\/query-tower/, () => null],
  ["a flipped byte in the query tower", /chunk\/query-tower/, flipByte(200)],
  ["a missing manifest", /chunk\/manifest/, () => null],
  ["a flipped byte in the manifest", /chunk\/manifest/, flipByte(300)],
  ["a manifest that is HTML", /chunk\/manifest/, () => new TextEncoder().encode("<!doctype html>")],
];

/** Why the index could not be read, as the log says it. */
const causesOf = (reported: readonly IndexEvent[]) =>
  reported.flatMap((event) => (event.event === "refresh-failed" ? [event.causes.join()] : []));

describe.each(damages)("%s", (name, keys, damage) => {
  const kind = name.includes("missing") ? "missing" : "damaged";
  const damageOnly = (key: string, bytes: Uint8Array) => (keys.test(key) ? damage(bytes) : bytes);

  it("at a cold start is 503 and says which in the log, until a good version is there", async () => {
    await publish(env.INDEX, one, damageOnly);
    const { get, clock, logged, reported } = makeIsolate();
    const { status, body } = await get("/search?q=cake");
    expect(status).toBe(503);
    expect(body.detail).toBe("The index cannot be read now");
    const failures = reported.filter(({ event }) => event === "refresh-failed");
    expect(failures).toMatchObject([{ kind, index: "current" }]);
    expect(causesOf(reported)).toMatchObject([/codebook|lists|query-tower|manifest/]);
    expect((await get("/readyz")).status).toBe(503);
    expect((await get("/healthz")).status).toBe(200);
    await publish(env.INDEX, two);
    clock.now += 1_000;
    expect(await get("/search?q=cake")).toMatchObject({ status: 200, body: { indexVersion: two.artifact.version } });
    expect(logged.filter(({ level }) => level === "error")).toEqual([]);
  });

  it("in a newer version leaves the old one serving, and says so", async () => {
    const { get, refresh, reported } = makeIsolate();
    await publish(env.INDEX, one);
    const before = await get("/search?q=cake");
    await publish(env.INDEX, two, damageOnly);
    await refresh();
    const after = await get("/search?q=cake");
    expect(after).toMatchObject({ status: 200, body: before.body });
    const failure = new RegExp(`^${kind} since 1970-01-01T00:00:\\d\\d\\.\\d\\d\\dZ$`);
    expect(after.headers.get("index-refresh-failure")).toMatch(failure);
    expect(causesOf(reported)).toMatchObject([/codebook|lists|query-tower|manifest/]);
    expect((await get("/version")).body).toMatchObject({
      index: { version: one.artifact.version },
      refreshFailure: failure,
    });

    await publish(env.INDEX, two);
    await refresh();
    const healed = await get("/search?q=cake");
    expect(healed).toMatchObject({ status: 200, body: { indexVersion: two.artifact.version } });
    expect(healed.headers.has("index-refresh-failure")).toBe(false);
  });
});

describe("a rollout", () => {
  it("is seen within one refresh, and a rollback too", async () => {
    const { get, refresh } = makeIsolate();
    for (const fixture of [one, two, one]) {
      await publish(env.INDEX, fixture);
      await get("/readyz");
      await refresh();
      expect((await get("/search?q=cake")).body.indexVersion).toBe(fixture.artifact.version);
    }
  });

  it("that takes minutes to read is read once, and taken over", async () => {
    const clock = { now: 0, msPerRead: 0 };
    const slow = {
      async get(key: string, options: { type: "arrayBuffer"; cacheTtl?: number }) {
        const value = await env.INDEX.get(key, options);
        clock.now += clock.msPerRead;
        return value;
      },
    } as KvReader;
    const isolate = makeIsolate({}, { now: () => clock.now }, undefined, { kv: slow, clock });
    await publish(env.INDEX, one);
    await isolate.get("/readyz");
    await publish(env.INDEX, two);
    clock.msPerRead = 14_000;
    clock.now += 30_000;
    const answers = Array.from({ length: 40 }, async (_, i) => {
      await scheduler.wait(i);
      return (await isolate.get("/search?q=cake")).body.indexVersion;
    });
    expect(await Promise.all(answers)).toContain(one.artifact.version);
    clock.msPerRead = 0;
    expect((await isolate.get("/search?q=cake")).body.indexVersion).toBe(two.artifact.version);
    const last = isolate.reported.at(-1);
    // The pointer, the manifest and each chunk that is new, one after the other: 14 s each against a lease of 15 s.
    const before = new Set(one.artifact.chunks.map(({ key }) => key));
    const fresh = two.artifact.chunks.filter(({ key }) => !before.has(key));
    expect(last).toMatchObject({ event: "take-over", reads: 2 + fresh.length });
    expect((last as TakeOver).ms).toBeGreaterThan(100_000);
    expect(isolate.reported.filter(({ event }) => event === "refresh-failed")).toEqual([]);
  });

  it("without its item pages is not taken over", async () => {
    const { get, refresh, reported } = makeIsolate();
    await publish(env.INDEX, one);
    await get("/readyz");
    await publish(env.INDEX, two, (key, bytes) => (/chunk\/items-0001/.test(key) ? null : bytes));
    await refresh();
    const { body, headers } = await get("/search?q=cake");
    expect(body.indexVersion).toBe(one.artifact.version);
    expect(headers.get("index-refresh-failure")).toMatch(/^missing since /);
    expect(causesOf(reported)).toMatchObject([/KV has no key "chunk\/items-0001/]);
  });

  it("needs KV no more once it is read ahead", async () => {
    const { get } = makeIsolate();
    await publish(env.INDEX, one);
    await get("/readyz");
    for (const { name } of (await env.INDEX.list()).keys) await env.INDEX.delete(name);
    for (const path of ["/search?q=cake&k=300", "/search?like=item:5", "/items/item:299", "/facets"]) {
      expect((await get(path)).status, path).toBe(200);
    }
  });

  it("that lost its item pages after the start is 503 for what needs them, and names the page", async () => {
    const { get } = makeIsolate();
    await publish(env.INDEX, one, (key, bytes) => (/chunk\/items/.test(key) ? null : bytes));
    expect((await get("/readyz")).status).toBe(200);
    const { status, body } = await get("/search?q=cake");
    expect(status).toBe(503);
    expect(body.detail).toMatch(/^A part of index [0-9a-f]+ cannot be read now$/);
  });

  it("whose pointer is no pointer is 503", async () => {
    await env.INDEX.put("index/current", "{}");
    const { get, reported } = makeIsolate();
    expect((await get("/readyz")).status).toBe(503);
    expect(causesOf(reported)).toMatchObject([/index pointer: "version" expected a non-empty string/]);
  });

  it("whose manifest is of another version than its pointer says is 503", async () => {
    await publish(env.INDEX, one);
    await env.INDEX.put(
      "index/current",
      JSON.stringify({
        version: "other",
        manifestKey: `chunk/manifest-${one.artifact.version}.json`,
        publishedAt: "x",
      }),
    );
    const { get, reported } = makeIsolate();
    expect((await get("/readyz")).status).toBe(503);
    expect(causesOf(reported)).toMatchObject([/expected version other, got/]);
  });
});
