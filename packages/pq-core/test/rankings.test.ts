import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { observeRankings } from "./rankings.ts";
import { kernelModule } from "./support.ts";

// Refreshed by: UPDATE=1 npx vitest run --project pq-core rankings
const FILE = new URL("../fixtures/rankings.json", import.meta.url);

it.runIf(process.env["UPDATE"] === "1")("fixtures/rankings.json is written anew, by the definition", async () => {
  const lines = Object.entries(await observeRankings(undefined, false)).map(
    ([title, ranking]) => ` ${JSON.stringify(title)}: ${JSON.stringify(ranking)}`,
  );
  writeFileSync(FILE, `{\n${lines.join(",\n")}\n}\n`);
});

describe.each([undefined, "kernel.wasm", "kernel-relaxed.wasm"] as const)("in Node, kernel %s", (file) => {
  it.each([false, true])("ids and score bits are those of fixtures/rankings.json, lists paged: %s", async (paged) => {
    const expected: unknown = JSON.parse(readFileSync(FILE, "utf8"));
    expect(await observeRankings(file === undefined ? undefined : kernelModule(file), paged)).toEqual(expected);
  });
});
