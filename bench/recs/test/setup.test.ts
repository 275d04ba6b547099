import { execFileSync } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Results } from "../results.ts";
import { measureSet } from "../run.ts";
import { setNamed } from "../sets.ts";
import { codeVersion, oursSetup } from "../setup.ts";

const folder = () => mkdtemp(join(tmpdir(), "recs-setup-"));

it("measures again what was measured with other data", async () => {
  const kind = setNamed("sequences");
  const results = new Results("sequences", await folder());
  const runs = async (lines: string): Promise<number> => {
    const [data, work] = [await folder(), await folder()];
    await writeFile(join(data, "sequences.txt"), lines);
    const before = results.older([]).length;
    const sizes = { bytes: [8], seeds: [1], users: 100, validation: 100 };
    const options = { data, work, methods: ["popularity"], python: undefined, again: false, say: () => {} };
    const known = await measureSet(kind, results, { ...options, ...sizes });
    expect(results.newest(known)).toHaveLength(1);
    return results.older([]).length - before;
  };
  const lines = "a 1 2 3 4\nb 9 1 2\nc 7 8 3\n";
  expect(await runs(lines)).toBe(1);
  expect(await runs(lines)).toBe(0);
  // as many items, users and held-out events
  expect(await runs("a 1 2 3 4\nb 9 1 3\nc 7 8 2\n")).toBe(1);
});

it("refuses a size of which there are no codes before it reads anything", async () => {
  const results = new Results("sequences", await folder());
  const asked = (set: string, methods: string[], bytes: number[]) =>
    measureSet(setNamed(set), results, {
      ...{ data: "nowhere", work: "nowhere", methods, bytes, seeds: [1], users: 100, validation: 100 },
      ...{ python: undefined, again: false, say: () => {} },
    });
  for (const method of ["ours", "afterwards"])
    await expect(asked("beauty", [method], [8, 7])).rejects.toThrow(
      "--bytes expected sizes whose codes of 8 bits share out 64 dimensions, such as 4 and 8, got 7: " +
        "7 codes for 64 dimensions",
    );
  // those that can be, and those of what has no codes, are asked for the data
  const possible = [1, 2, 4, 8, 16, 32, 33, 64, 100];
  await expect(asked("beauty", ["ours"], possible)).rejects.toThrow("got nothing at nowhere");
  await expect(asked("beauty", ["popularity", "ease"], [7])).rejects.toThrow("got nothing at nowhere");
  await expect(asked("goodbooks", ["ours"], [8])).rejects.toThrow("expected interactions.csv");
});

it("tells configurations and code apart, committed or not", async () => {
  const kind = setNamed("goodbooks");
  const config = { name: "a", data: { items: "SELECT 1" }, items: {}, training: { epochs: 3 } };
  const setups = [config, { ...config, training: { epochs: 5 } }].map((some) => oursSetup(some, kind, "code"));
  setups.push(oursSetup(config, kind, "others"), oursSetup(config, setNamed("beauty"), "code"));
  expect(new Set(setups).size).toBe(4);
  const root = await folder();
  execFileSync("git", ["init", "-q"], { cwd: root });
  await writeFile(join(root, "a.ts"), "1");
  const versions = [codeVersion(["a.ts"], root), codeVersion(["a.ts"], root)];
  execFileSync("git", ["add", "a.ts"], { cwd: root });
  await writeFile(join(root, "b.ts"), "1");
  versions.push(codeVersion(["a.ts"], root));
  expect(new Set(versions).size).toBe(1);
  await writeFile(join(root, "a.ts"), "2");
  expect(codeVersion(["a.ts"], root)).not.toBe(versions[0]);
});
