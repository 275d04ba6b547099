import { describe, expect, it } from "vitest";
import { FormatError } from "../src/index.ts";
import {
  chunkKey,
  claimKey,
  formatPointer,
  manifestKey,
  parsePointer,
  pointerKey,
  versionKey,
} from "../src/kv-layout.ts";

describe("the layout of an index in KV", () => {
  it("keeps the pointer apart from what never changes", () => {
    expect(pointerKey()).toBe("index/current");
    expect(pointerKey("books")).toBe("index/books");
    expect(chunkKey("lists-0000-ab.bin")).toBe("chunk/lists-0000-ab.bin");
    expect(manifestKey("v1")).toBe("chunk/manifest-v1.json");
    expect(versionKey("books", "v1")).toBe("version/books/v1");
    expect(claimKey("prune", "a1")).toBe("claim/prune/a1");
  });

  it.each(["", "Books", "a/b", "..", "a.b", "a".repeat(41), "chunk/x", "a\n"])("has no index called %j", (name) => {
    expect(() => pointerKey(name)).toThrow(/"name" expected 1 to 40 of the characters a-z, 0-9 and -/);
    expect(() => versionKey(name)).toThrow(/"name" expected 1 to 40/);
  });

  it("reads the pointer it wrote, and ignores members of later writers", () => {
    const pointer = { version: "v1", manifestKey: manifestKey("v1"), publishedAt: "2026-11-22T10:00:00.000Z" };
    expect(parsePointer(formatPointer(pointer))).toEqual(pointer);
    expect(parsePointer(JSON.stringify({ ...pointer, note: 1 }))).toEqual(pointer);
  });

  it.each([
    ["", /expected JSON, got ""/],
    ["{", /expected JSON/],
    ["null", /"version" expected a non-empty string, got undefined/],
    ['{"version":""}', /"version" expected a non-empty string, got ""/],
    ['{"version":"v1","manifestKey":7}', /"manifestKey" expected a non-empty string, got 7/],
    ['{"version":"v1","manifestKey":"chunk/m"}', /"publishedAt" expected a non-empty string/],
  ])("refuses the pointer %j", (text, message) => {
    expect(() => parsePointer(text)).toThrow(FormatError);
    expect(() => parsePointer(text)).toThrow(message);
  });
});
