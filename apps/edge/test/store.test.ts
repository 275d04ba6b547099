/** What stores tell of their reads, and how they look past what a cache has wrong. */
import type { ReadMeter } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import { guarded } from "../src/index/guarded.ts";
import { type KvReader, kvStore } from "../src/index/kv-store.ts";
import { r2Store } from "../src/index/r2-store.ts";
import type { Store } from "../src/index/store.ts";
import type { ReadFault } from "../src/log.ts";

class TooMuch extends Error {}

/** Counts, and ends the reading when more than `most` operations are wanted. */
function meterOf(most = Number.POSITIVE_INFINITY) {
  const spent = { reads: 0, bytes: 0 };
  const meter: ReadMeter = {
    spend() {
      if (spent.reads >= most) throw new TooMuch();
      spent.reads++;
    },
    got(bytes) {
      spent.bytes += bytes;
    },
  };
  return { spent, meter };
}

/** A namespace whose answers are given one after the other; it remembers what it was asked. */
function namespace(...answers: (string | null | Error)[]) {
  const asked: (number | undefined)[] = [];
  const get = async (_: string, { type, cacheTtl }: { type: string; cacheTtl?: number }) => {
    asked.push(cacheTtl);
    const answer = answers[asked.length - 1] ?? null;
    if (answer instanceof Error) throw answer;
    return answer === null || type === "text" ? answer : new TextEncoder().encode(answer).buffer;
  };
  return { kv: { get } as unknown as KvReader, asked };
}

describe("the store over KV", () => {
  it.each<[string, (string | null | Error)[], number[], { reads: number; bytes: number }]>([
    ["one read", ["abc"], [86_400], { reads: 1, bytes: 3 }],
    ["a read that failed", [new Error("reset"), "abc"], [86_400, 86_400], { reads: 2, bytes: 3 }],
    ["a miss, looked past", [null, "abc"], [86_400, 30], { reads: 2, bytes: 3 }],
    ["what is not there", [null, null], [86_400, 30], { reads: 2, bytes: 0 }],
  ])("counts %s", async (_, answers, ttls, expected) => {
    const { kv, asked } = namespace(...answers);
    const { spent, meter } = meterOf();
    await kvStore(kv).getBytes("k", { meter });
    expect([asked, spent]).toEqual([ttls, expected]);
  });

  it("takes what came damaged from no long cache", async () => {
    const { kv, asked } = namespace("abc");
    await kvStore(kv).getBytes("k", { again: true });
    expect(asked).toEqual([30]);
  });

  it("ends with what the meter throws, before the read and before its repetition", async () => {
    const { kv, asked } = namespace(new Error("reset"), "abc");
    await expect(kvStore(kv).getBytes("k", { meter: meterOf(0).meter })).rejects.toBeInstanceOf(TooMuch);
    expect(asked).toEqual([]);
    await expect(kvStore(kv).getBytes("k", { meter: meterOf(1).meter })).rejects.toBeInstanceOf(TooMuch);
    expect(asked).toHaveLength(1);
  });

  it("gives up on a namespace that hangs", async () => {
    const kv = { get: () => new Promise(() => undefined) } as unknown as KvReader;
    await expect(kvStore(kv, 5).getBytes("k")).rejects.toMatchObject({
      kind: "late",
      message: /did not come within 5/,
    });
  });
});

it("the store over R2 counts its reads too", async () => {
  const { spent, meter } = meterOf();
  let failures = 1;
  const value = { text: async () => "abc", arrayBuffer: async () => new ArrayBuffer(7) };
  const store = r2Store({ get: async () => (failures-- > 0 ? Promise.reject(new Error("reset")) : value) });
  await store.getBytes("k", { meter });
  await store.getText("k", { meter });
  expect(spent).toEqual({ reads: 3, bytes: 10 });
});

describe("a store of one's own", () => {
  const own: Store = { getText: async () => "abc", getBytes: async () => new Uint8Array(9) };

  it("is counted, though it knows of no meter", async () => {
    const { spent, meter } = meterOf(2);
    await guarded(own).getText("k", { meter });
    await guarded(own).getBytes("k", { meter });
    expect(spent).toEqual({ reads: 2, bytes: 12 });
    await expect(guarded(own).getBytes("k", { meter })).rejects.toBeInstanceOf(TooMuch);
  });

  it("is not counted twice when it counts itself", async () => {
    const { spent, meter } = meterOf();
    const { kv } = namespace(null, "abc");
    await guarded(kvStore(kv)).getBytes("k", { meter });
    expect(spent).toEqual({ reads: 2, bytes: 3 });
  });
});

describe("what goes wrong with a read", () => {
  /** Every fault of a store that is read once. */
  async function faultsOf(store: Store, again = false) {
    const faults: ReadFault[] = [];
    const guard = guarded(store, (fault) => faults.push(fault));
    const found = await guard.getBytes("k", { again }).catch(() => undefined);
    return { faults: faults.map((fault) => ("kind" in fault ? fault.kind : fault.event)), found: found?.length };
  }
  const reset = new Error("reset");

  it.each<[string, (string | null | Error)[], string[], number | undefined]>([
    ["nothing", ["abc"], [], 3],
    ["a failure that the next try mends", [reset, "abc"], ["unreadable"], 3],
    ["a failure of both tries", [reset, reset], ["unreadable", "unreadable"], undefined],
    ["a miss of the caches", [null, "abc"], ["missing"], 3],
    ["a failure, and a miss of the caches", [reset, null, "abc"], ["unreadable", "missing"], 3],
    ["a chunk that is not there", [null, null], ["missing"], undefined],
  ])("is told each time over KV: %s", async (_, answers, faults, found) => {
    expect(await faultsOf(kvStore(namespace(...answers).kv))).toEqual({ faults, found });
  });

  it("is told when KV hangs and the next try is answered", async () => {
    let calls = 0;
    const get = () => (calls++ === 0 ? new Promise(() => undefined) : Promise.resolve(new ArrayBuffer(3)));
    expect(await faultsOf(kvStore({ get } as unknown as KvReader, 5))).toEqual({ faults: ["late"], found: 3 });
  });

  it("is told of R2, and of a store of one's own", async () => {
    let failures = 1;
    const value = { text: async () => "abc", arrayBuffer: async () => new ArrayBuffer(7) };
    const r2 = r2Store({ get: async () => (failures-- > 0 ? Promise.reject(reset) : value) });
    expect(await faultsOf(r2)).toEqual({ faults: ["unreadable"], found: 7 });
    const own: Store = { getText: async () => null, getBytes: () => Promise.reject(reset) };
    expect(await faultsOf(own)).toEqual({ faults: ["unreadable"], found: undefined });
  });

  it("is told when a damaged chunk is asked for again", async () => {
    expect(await faultsOf(kvStore(namespace("abc").kv), true)).toEqual({ faults: ["read-again"], found: 3 });
  });

  it("names the key and the causes, and is neither a name without an index nor the end of a budget", async () => {
    const faults: ReadFault[] = [];
    const { kv } = namespace(new Error("outer", { cause: new TypeError("inner") }), "abc", null, "abc");
    const store = guarded(kvStore(kv), (fault) => faults.push(fault));
    await store.getText("index/books");
    const causes = ["Error: outer", "TypeError: inner"];
    const told = { event: "read-failed", kind: "unreadable", key: "index/books", causes };
    expect(faults).toEqual([told]);
    expect(await store.getText("index/nobody")).toBeNull();
    await expect(store.getBytes("k", { meter: meterOf(0).meter })).rejects.toBeInstanceOf(TooMuch);
    expect(faults).toEqual([told]);
  });
});
