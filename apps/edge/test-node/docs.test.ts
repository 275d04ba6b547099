/** What the documents promise in tables and numbers, against the code that keeps it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "@poeem/pq-core";
import { UNTRAINED_HISTORY } from "@poeem/towers";
import { expect, it } from "vitest";
import { createApp } from "../src/app.ts";
import { VARIABLE_KEYS } from "../src/config.ts";
import { MAX_BODY_BYTES, MAX_URL_BYTES } from "../src/http/parameters.ts";
import { PROBLEM_TYPES, statusOf } from "../src/http/problem.ts";
import { MAX_BATCH, MAX_EXCLUDE, MAX_FIELDS, MAX_K, MAX_QUERY_BYTES } from "../src/http/requests.ts";
import { DEFAULT_MAX_INDEX_BYTES, memoryDemand, planMemory, roomBytes } from "../src/index/memory-plan.ts";
import { PAGING } from "../src/index/served-index.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { EVERY } from "../test/every-event.ts";

const read = (path: string) => readFileSync(join(import.meta.dirname, "../../..", path), "utf8");
const [readme, runbook] = [read("apps/edge/README.md"), read("docs/runbook.md")];

/** The cells of the table whose head begins so. */
function table(text: string, head: string): string[][] {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith(`| ${head}`));
  expect(first, head).toBeGreaterThan(0);
  const end = lines.findIndex((line, i) => i > first && !line.startsWith("|"));
  return lines.slice(first + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
/** Whether the README has these words, wherever its lines end. */
const says = (text: string) => expect(readme.replaceAll("\n", " ").includes(text), text).toBe(true);
const codeOf = (cell = "") => /`([^`]+)`/.exec(cell)?.[1] ?? "";

it("lists every problem with its status", () => {
  const listed = table(readme, "status | type").map(([status, type]) => [codeOf(type), Number(status)]);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(PROBLEM_TYPES.map((type) => [type, statusOf(type)])));
});

it("lists every setting", () => {
  const listed = table(readme, "name                         | meaning").map(([name]) => codeOf(name));
  expect(listed.toSorted()).toEqual([...VARIABLE_KEYS, "RATE_LIMIT", "TOKEN_RATE_LIMIT", "ANALYTICS"].toSorted());
});

it("lists every limit with its default", () => {
  const listed = table(readme, "name     | one request").map(([name, , value = ""]) => [
    codeOf(name),
    Number(value.replaceAll(",", "")),
  ]);
  expect(Object.fromEntries(listed)).toEqual(DEFAULT_LIMITS);
});

it("lists every option", () => {
  const listed = table(readme, "option").map(([name]) => codeOf(name));
  let known = "";
  try {
    createApp({ none: true } as never);
  } catch (error) {
    known = /no other options than (.*), got/.exec(String(error))![1]!;
  }
  expect(listed.toSorted()).toEqual([...known.split(", "), "routes"].toSorted());
});

it("says how much may be asked for", () => {
  says(`text, 1 to ${MAX_QUERY_BYTES} bytes of UTF-8`);
  says(`number of results, 1 to ${MAX_K}`);
  says(`up to ${MAX_EXCLUDE} ids that must not be returned`);
  says(`up to ${MAX_FIELDS} names`);
  says(`a list of up to ${MAX_BATCH}`);
  says(`the newest ${UNTRAINED_HISTORY} items`);
  says(`a URL of more than ${MAX_URL_BYTES.toLocaleString("en-US")} bytes`);
  says(`a body of more than ${MAX_BODY_BYTES / 2 ** 20} MiB`);
});

it("says what an isolate keeps", () => {
  const MiB = 2 ** 20;
  says(`All versions being served share ${DEFAULT_MAX_INDEX_BYTES / MiB} MiB.`);
  says(`is counted too: ${roomBytes() / MiB} MiB in all.`);
  says(`Requests that read pages share ${PAGING.total / MiB} MiB.`);
  says("half of it is for light ones alone");
  expect(PAGING.share).toBe(PAGING.total / 2);
  says("no turn after a second gets");
  expect(PAGING.waitMs).toBe(1000);
  // codes of 16 bytes, a tower of 10 MB and no words
  const keepsLists = (items: number) => {
    const chunk = (kind: string, size: number) => ({ kind, size, count: 1, key: kind });
    const chunks = [chunk("query-tower", 10e6), chunk("codebook", 300_000), chunk("lists", 16.5 * items)];
    const manifest = { numItems: items, chunks: [...chunks, chunk("items", 100 * items)] } as unknown as Manifest;
    const granted = Math.min(memoryDemand(manifest).most, DEFAULT_MAX_INDEX_BYTES);
    return planMemory(manifest, granted).residentBytes > 0;
  };
  says("index of at most 2 million items");
  expect([keepsLists(2e6), keepsLists(2.2e6)]).toEqual([true, false]);
});

it("explains every event of the log, with a line as it is written", () => {
  const explained = new Set(
    table(runbook, "event            | level").map(([name, level]) => `${codeOf(name)} ${level}`),
  );
  const lines = runbook.split("\n").filter((line) => line.startsWith('{"level"'));
  const shown = lines.map((line) => JSON.parse(line) as Record<string, unknown> & { event: keyof typeof EVERY });
  for (const [event, { level }] of Object.entries(EVERY)) {
    expect(explained, event).toContain(`${event} ${level}`);
    expect(shown.map((entry) => entry.event)).toContain(event);
  }
  for (const { event, ...members } of shown) {
    for (const [name, value] of Object.entries(members))
      expect(typeof value, `${event} ${name}`).toBe(typeof (EVERY[event] as Record<string, unknown>)?.[name]);
    expect(members["level"]).toBe(EVERY[event].level);
  }
});

it("leads to headings that are there", () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .trim()
      .replace(/\s+/g, "-");
  const files = { "docs/runbook.md": runbook, "apps/edge/README.md": readme, "docs/deploy.md": read("docs/deploy.md") };
  const headings = new Map(
    Object.entries(files).map(([path, text]) => [
      path.split("/").at(-1)!,
      new Set(Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = ""]) => slug(heading))),
    ]),
  );
  for (const [path, text] of Object.entries(files)) {
    const own = path.split("/").at(-1)!;
    for (const [, target = "", anchor = ""] of text.matchAll(/\]\(([^)#\s]*)#([^)\s]+)\)/g)) {
      const name = target === "" ? own : target.split("/").at(-1)!;
      const isElsewhere = name === "README.md" && !/edge\/README\.md$/.test(target) && target !== "";
      if (!isElsewhere && headings.has(name)) expect([...headings.get(name)!], `${path} → ${target}`).toContain(anchor);
    }
  }
});
