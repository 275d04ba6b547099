/** What every store must do. Bring a store and a test runner; see `test/store-conformance.test.ts`. */
import assert from "node:assert/strict";
import { UserError } from "@poeem/offline/errors";
import {
  compareKeys,
  MAX_KEY_BYTES,
  MAX_METADATA_BYTES,
  MAX_VALUE_BYTES,
  type Store,
  type StoredValue,
} from "../src/store.ts";

export interface StoreConformance {
  /** Opens an empty store for the time of `work`; each case has one of its own. */
  readonly withStore: (work: (store: Store) => Promise<void>) => Promise<void>;
  /** A test runner's `it` fits. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** Makes time pass for the store, to see values expire. */
  readonly advance?: (ms: number) => Promise<void>;
  /** Cases that cannot run, each with the reason. */
  readonly skip?: readonly { readonly reason: string; readonly cases: readonly string[] }[];
}

/** More keys than a page of any list holds. */
const MANY = 1050;
/** As large as the largest chunk of an index. */
const LARGE = 8 * 1024 * 1024;
const ODD_KEYS = [
  "odd/ ",
  "odd/a b",
  "odd/%2f",
  "odd/?q=1&r#s",
  "odd/a+b=c;d:e@f,g",
  "odd/'\"\\`*_%",
  "odd/<br>{}[]|^~",
  "odd//double/",
  "odd/äöü",
  "odd/日本語",
  "odd/\uFFFD",
  "odd/😀",
];

/** Registers the suite with a test runner. */
export function storeConformance({ withStore, test, advance, skip = [] }: StoreConformance): void {
  const skipped = new Set(skip.flatMap(({ cases }) => cases));
  const runCase = (title: string, run: (store: Store) => Promise<void>): void => {
    if (!skipped.has(title)) test(title, () => withStore(run));
  };

  runCase("has a name and says how it behaves", async ({ name, propagationMs, maxReads }) => {
    assert.ok(name.length > 0);
    assert.ok(propagationMs >= 0 && Number.isFinite(propagationMs));
    assert.ok(Number.isInteger(maxReads) && maxReads >= 1);
  });

  runCase("gives back every byte, as a plain array", async (store) => {
    const everyByte = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) ^ (i >> 8));
    await store.put([value("bytes", everyByte)]);
    const got = await store.get("bytes");
    assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype);
    assert.deepEqual(got, everyByte);
  });

  runCase("tells an empty value from none", async (store) => {
    await store.put([value("empty", new Uint8Array())]);
    assert.deepEqual(await store.get("empty"), new Uint8Array());
    assert.deepEqual(await keysOf(store, "empty"), ["empty"]);
  });

  runCase("keeps no reference to the caller's bytes, nor gives any of its own away", async (store) => {
    const buffer = new Uint8Array(100).fill(7);
    const part = buffer.subarray(10, 20);
    await store.put([value("part", part)]);
    buffer.fill(9);
    const got = (await store.get("part"))!;
    assert.deepEqual(got, new Uint8Array(10).fill(7));
    got.fill(1);
    assert.deepEqual(await store.get("part"), new Uint8Array(10).fill(7));
  });

  runCase("keeps a value as large as the largest chunk", async (store) => {
    const large = new Uint8Array(LARGE).fill(5);
    large[LARGE - 1] = 6;
    await store.put([value("large", large), value("small", new Uint8Array(1))]);
    assert.equal(Buffer.compare((await store.get("large"))!, large), 0);
  });

  runCase("overwrites a value and its metadata", async (store) => {
    await store.put([{ ...value("key", new Uint8Array(50)), metadata: { size: 50 } }]);
    await store.put([value("key", new Uint8Array([1]))]);
    assert.deepEqual(await store.get("key"), new Uint8Array([1]));
    assert.deepEqual(await store.list("key"), [{ key: "key", metadata: undefined }]);
  });

  runCase("lists metadata as it was given", async (store) => {
    const metadata = { text: "ä \"'\\ 😀", empty: "", size: 123, share: 0.25, negative: -1 };
    await store.put([{ ...value("with"), metadata }, value("without")]);
    assert.deepEqual(await store.list("with"), [
      { key: "with", metadata },
      { key: "without", metadata: undefined },
    ]);
  });

  runCase("lists exactly the keys that begin with a prefix", async (store) => {
    for (const prefix of ["", "a", "a/"]) assert.deepEqual(await store.list(prefix), []);
    await store.put(["b", "a/2", "a", "a/10", "ab", "A/1", "a/1"].map((key) => value(key)));
    assert.deepEqual(await keysOf(store, ""), ["A/1", "a", "a/1", "a/10", "a/2", "ab", "b"]);
    assert.deepEqual(await keysOf(store, "a"), ["a", "a/1", "a/10", "a/2", "ab"]);
    assert.deepEqual(await keysOf(store, "a/"), ["a/1", "a/10", "a/2"]);
    assert.deepEqual(await keysOf(store, "a/1"), ["a/1", "a/10"]);
    assert.deepEqual(await keysOf(store, "c"), []);
  });

  runCase("writes, lists and deletes more keys than a page holds", async (store) => {
    const keys = Array.from({ length: MANY }, (_, i) => `many/${String(i).padStart(5, "0")}`);
    await store.put(keys.toReversed().map((key) => value(key, new Uint8Array([key.length]))));
    await store.put([value("other")]);
    assert.deepEqual(await keysOf(store, "many/"), keys);
    await store.delete(keys.slice(1));
    assert.deepEqual(await keysOf(store, ""), [keys[0], "other"]);
  });

  runCase("takes keys of any character, as keys and as prefixes", async (store) => {
    await store.put(ODD_KEYS.map((key, i) => value(key, new Uint8Array([i]))));
    assert.deepEqual(await keysOf(store, "odd/"), ODD_KEYS.toSorted(compareKeys));
    for (const [i, key] of ODD_KEYS.entries()) {
      assert.deepEqual(await store.get(key), new Uint8Array([i]), key);
      assert.deepEqual(
        await keysOf(store, key),
        ODD_KEYS.filter((other) => other.startsWith(key)).toSorted(compareKeys),
      );
    }
    await store.delete(ODD_KEYS.slice(1));
    assert.deepEqual(await keysOf(store, ""), [ODD_KEYS[0]]);
  });

  runCase("takes keys of 512 bytes, which may be fewer characters", async (store) => {
    const keys = ["k".repeat(MAX_KEY_BYTES), "é".repeat(MAX_KEY_BYTES / 2)];
    await store.put(keys.map((key) => value(key)));
    for (const key of keys) assert.deepEqual(await store.get(key), value(key).bytes);
    assert.deepEqual(await keysOf(store, ""), keys);
  });

  runCase("gives null for a key that was never written", async (store) => {
    assert.equal(await store.get("never"), null);
  });

  runCase("gives null for a deleted key, and takes it again", async (store) => {
    await store.put([value("gone"), value("stays")]);
    await store.delete(["gone"]);
    assert.equal(await store.get("gone"), null);
    assert.deepEqual(await keysOf(store, ""), ["stays"]);
    await store.put([value("gone", new Uint8Array([2]))]);
    assert.deepEqual(await store.get("gone"), new Uint8Array([2]));
  });

  runCase("deletes absent keys without a word, and does nothing for none", async (store) => {
    await store.put([value("stays")]);
    await store.delete(["never", "never either"]);
    await store.delete([]);
    await store.put([]);
    assert.deepEqual(await keysOf(store, ""), ["stays"]);
  });

  runCase("refuses what exceeds a limit with a UserError, before it writes anything", async (store) => {
    const wrong: StoredValue[] = [
      value("é".repeat(MAX_KEY_BYTES / 2 + 1)),
      value("value", new Uint8Array(MAX_VALUE_BYTES + 1)),
      { ...value("metadata"), metadata: { text: "x".repeat(MAX_METADATA_BYTES) } },
    ];
    for (const one of wrong) await assert.rejects(store.put([value("right"), one]), UserError);
    assert.deepEqual(await store.list(""), []);
  });

  if (advance) {
    runCase("forgets a value when its time is over", async (store) => {
      await store.put([{ ...value("claim"), expiresIn: 60 }, value("stays")]);
      await advance(59_000);
      assert.deepEqual(await keysOf(store, ""), ["claim", "stays"]);
      await advance(2000);
      assert.deepEqual(await keysOf(store, ""), ["stays"]);
      assert.equal(await store.get("claim"), null);
    });
  }
}

function value(key: string, bytes: Uint8Array = new Uint8Array([key.length, 1, 2])): StoredValue {
  return { key, bytes };
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  return (await store.list(prefix)).map(({ key }) => key);
}
