import type { LogEntry } from "../src/log.ts";

/** One of each event with all its members: a member or an event that is added or lost does not compile here. */
type Every = { readonly [E in LogEntry["event"]]: Required<Extract<LogEntry, { event: E }>> };

const named = { index: "books", indexVersion: "683a4a5f1136d6a5" };
const spent = { reads: 12, bytes: 345_678, work: 1_200_000, waitedMs: 40 };
const request = { requestId: "abc-1", path: "/search", status: 503 };
const reason = {
  problem: "index-unavailable",
  detail: "The index cannot be read now",
  causes: ["IndexUnavailableError: The index cannot be read now", 'Error: [edge] KV has no key "chunk/items-0000"'],
} as const;

export const EVERY: Every = {
  "cold-start": {
    level: "info",
    event: "cold-start",
    ...named,
    publishedAt: "2026-11-22T10:00:00.000Z",
    ms: 420,
    reads: 14,
    bytes: 31_000_000,
  },
  "take-over": {
    level: "info",
    event: "take-over",
    ...named,
    publishedAt: "2026-11-22T10:00:00.000Z",
    previousVersion: "d0ebdc511fb739fe",
    ms: 1_900,
    reads: 14,
    bytes: 31_000_000,
  },
  "refresh-failed": {
    level: "warn",
    event: "refresh-failed",
    ...named,
    kind: "missing",
    since: "2026-11-29T03:00:00.000Z",
    wantedVersion: "d0ebdc511fb739fe",
    causes: reason.causes,
  },
  "stale-pointer": {
    level: "info",
    event: "stale-pointer",
    ...named,
    wantedVersion: "d0ebdc511fb739fe",
    publishedAt: "2026-11-22T10:00:00.000Z",
  },
  "old-pointer": {
    level: "warn",
    event: "old-pointer",
    ...named,
    wantedVersion: "d0ebdc511fb739fe",
    publishedAt: "2026-11-22T10:00:00.000Z",
    since: "2026-11-29T03:00:00.000Z",
    until: "2026-11-29T03:30:00.000Z",
  },
  "read-again": {
    level: "warn",
    event: "read-again",
    ...named,
    key: "chunk/items-0000-683a4a5f1136d6a5.bin",
    count: 1,
  },
  "read-failed": {
    level: "warn",
    event: "read-failed",
    ...named,
    kind: "late",
    key: "chunk/items-0000-683a4a5f1136d6a5.bin",
    causes: ['ReadError: [edge] KV key "chunk/items-0000-683a4a5f1136d6a5.bin" did not come within 10000 ms'],
    count: 3,
  },
  "limiter-failed": { level: "error", event: "limiter-failed", causes: ["Error: no answer"], count: 5 },
  "encoder-failed": {
    level: "warn",
    event: "encoder-failed",
    ...named,
    encoder: "@cf/baai/bge-m3",
    kind: "busy",
    causes: ['EncoderError: [edge] encoder "@cf/baai/bge-m3" failed with code 3040'],
    count: 12,
  },
  evicted: { level: "info", event: "evicted", ...named, for: "films", bytes: 31_000_000, idleMs: 90_000 },
  request: {
    level: "warn",
    event: "request",
    ...named,
    ...request,
    ...reason,
    parameters: ["k"],
    ...spent,
    method: "GET",
    ioMs: 2_010,
  },
  refused: {
    level: "warn",
    event: "refused",
    ...named,
    ...request,
    ...spent,
    ...reason,
    problem: "rate-limited",
    status: 429,
    parameters: ["nprobe"],
    count: 17,
  },
  "slow-search": {
    level: "warn",
    event: "slow-search",
    ...named,
    ...request,
    ...spent,
    ioMs: 900,
    much: ["reads"],
    count: 3,
  },
  fault: { level: "error", event: "fault", requestId: "abc-1", message: "TypeError: x is not a function", stack: "…" },
  hook: { level: "error", event: "hook", requestId: "abc-1", message: "Error: out of paper" },
  canary: { level: "info", event: "canary", ...named, nprobe: 16, k: 10, overlapAtK: 0.9, message: "" },
};
