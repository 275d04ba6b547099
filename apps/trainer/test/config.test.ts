import { afterEach, expect, it, vi } from "vitest";
import { main } from "../src/cli.ts";

afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

/** What `poeem config …` prints on stdout and stderr. */
async function shown(...args: string[]): Promise<string> {
  let text = "";
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((part) => {
      text += part;
      return true;
    });
  await main(["node", "poeem", "config", ...args]);
  return text;
}

it("prints all keys, those of a section, or one", async () => {
  const keysIn = (text: string): string[] =>
    text.split("\n").flatMap((line) => /^[a-z][\w.]*(?= {2})/i.exec(line)?.[0] ?? []);
  const all = keysIn(await shown());
  expect(all.length).toBeGreaterThan(60);
  expect(keysIn(await shown("index"))).toEqual(all.filter((key) => /^index(\.|$)/.test(key)));
  expect(keysIn(await shown("model.history"))).toEqual(all.filter((key) => key.startsWith("model.history")));
  expect(await shown("training.epochs")).toMatch(/^training\.epochs {2}an integer of at least 1\n {4}Passes over .*\n/);
  expect(keysIn(await shown("nprobe"))).toEqual(["index.nprobe"]);
});

it("names the key that was meant", async () => {
  expect(await shown("index.nlists")).toBe(
    "poeem: unknown key index.nlists, did you mean index.nlist? `poeem config` prints all of them\n",
  );
  expect(process.exitCode).toBe(1);
});
