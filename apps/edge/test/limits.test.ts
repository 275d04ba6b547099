/** What LIMITS set, and what a body may be before anything in it is read. */
import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { readConfig } from "../src/config.ts";
import { createWorker } from "../src/create-worker.ts";
import { kvStore } from "../src/index/kv-store.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { SettingError } from "../src/setting-error.ts";
import { dim, makeFixture, publish } from "./fixture.ts";
import { makeIsolate } from "./isolate.ts";

const TOO_EXPENSIVE = "urn:poeem-edge:problem:too-expensive";

beforeAll(async () => {
  await publish(env.INDEX, await makeFixture(61));
});

describe("LIMITS", () => {
  it("sets the largest values of parameters", async () => {
    const { get, post } = makeIsolate({ LIMITS: "nprobe=2, k=20, batch=2" });
    for (const [path, parameter] of [
      ["/search?like=item:1&k=21", "k"],
      ["/search?like=item:1&nprobe=3", "nprobe"],
    ] as const) {
      const { status, body } = await get(path);
      expect([status, body.type, body.errors[0].parameter]).toEqual([400, TOO_EXPENSIVE, parameter]);
    }
    expect((await post([{ like: 1 }, { like: 1 }, { like: 1 }])).body.errors[0].parameter).toBe("batch");
    // The index's own default is 3.
    expect((await get("/search?like=item:1")).body).toMatchObject({ k: 10, nprobe: 2 });
  });

  it("sheds a share of the searches", async () => {
    const { get } = makeIsolate({ LIMITS: "shed=0.6" });
    const { status, body, headers } = await get("/search?like=item:1");
    expect([status, body.type]).toEqual([503, "urn:poeem-edge:problem:overloaded"]);
    expect(headers.get("retry-after")).not.toBeNull();
    expect((await get("/items/item:1")).status).toBe(200);
    expect((await makeIsolate({ LIMITS: "shed=0.5" }).get("/search?like=item:1")).status).toBe(200);
  });

  it("adds to what a Worker of one's own sets, so that load can be shed without a build", async () => {
    const worker = createWorker({ store: () => kvStore(env.INDEX), config: { limits: { k: 20 } } });
    const ask = async (LIMITS: string) => {
      const answer = await worker.fetch(
        new Request("https://own.test/search?like=item:1&k=21"),
        { LIMITS } as never,
        createExecutionContext() as never,
      );
      return ((await answer.json()) as { type: string }).type;
    };
    expect(await ask("k=30,work=1e6")).toBe(TOO_EXPENSIVE);
    const shedding = createWorker({ store: () => kvStore(env.INDEX), config: { limits: { k: 20 } } });
    const { status } = await shedding.fetch(
      new Request("https://own.test/search?like=item:1"),
      { LIMITS: "shed=1" } as never,
      createExecutionContext() as never,
    );
    expect(status).toBe(503);
    for (const limits of [{ k: 0 }, { cells: 1 }, 7, null, { k: "20" }])
      expect(() => createWorker({ config: { limits } as never })).toThrow(SettingError);
  });

  it("is read with care", () => {
    expect(readConfig({ LIMITS: " k = 20 ,work=1e6" }).limits).toEqual({ ...DEFAULT_LIMITS, k: 20, work: 1e6 });
    for (const LIMITS of [
      "",
      "k",
      "k=",
      "k=0",
      "k=1001",
      "k=2.5",
      "k=-1",
      "cells=1",
      "k=20,k=30",
      "shed=1.1",
      "k=20;",
      "work=1",
      "reads=1",
      "bytes=1",
    ])
      expect(() => readConfig({ LIMITS }), LIMITS).toThrow(/LIMITS/);
  });
});

describe("a body", () => {
  const many = (n: number, one: string) => `[${`${one},`.repeat(n - 1)}${one}]`;

  it("with lists that are too long is refused before anything in it is parsed", async () => {
    const { post } = makeIsolate();
    const parse = vi.spyOn(JSON, "parse");
    const nested = "expected at most 512 lists and objects, got more";
    for (const [body, parameter, detail] of [
      [many(100_000, "1"), "", "expected at most 32 searches, got 100000"],
      [many(100_000, "{}"), "", nested],
      ["[".repeat(1_000_000), "", nested],
      ['{"a":'.repeat(100_000), "", nested],
      [`{"like":1,"exclude":${many(100_000, "[]")}}`, "", nested],
      [`{"like":1,"exclude":${many(100_000, '"]"')}}`, "exclude", "expected at most 1000 values, got 100000"],
      [`[{"history":${many(100_000, "1")}}]`, "0.history", "expected at most 1000 values, got 100000"],
      [`[{"q":"a"}, {"hi\\u0073tory":${many(100_000, "1")}}]`, "1.history", "expected at most 1000 values, got 100000"],
      [`{"like":1,"fields":${many(100_000, "1")}}`, "fields", "expected at most 64 values, got 100000"],
      [`{"q":"a",${many(9000, '"b":1').slice(1, -1)}}`, "", "expected a search of at most 40 members, got 9001"],
    ] as const) {
      expect((await post(body)).body.errors, body.slice(0, 40)).toEqual([{ parameter, detail }]);
      // Names alone, and the answer by this test.
      for (const [text] of parse.mock.calls) expect(text.length).toBeLessThan(1000);
    }
    parse.mockRestore();
  });

  it("is not refused for what stands in a text", async () => {
    const { post } = makeIsolate();
    const vector = `[${Array.from({ length: dim }, (_, d) => `${d}.5`).join(`,${" ".repeat(900)}`)}]`;
    expect((await post(`{"vector":${vector},"filter":"set:\\"${"[".repeat(1000)}\\""}`)).status).toBe(200);
    // A list of lists as the text of a vector is no list of numbers, and nobody parses it.
    const { body } = await post(JSON.stringify({ vector: "[".repeat(500_000) }));
    expect(body.errors).toEqual([{ parameter: "vector", detail: expect.stringMatching(/^expected float32/) }]);
  });
});
