import { UserError } from "@poeem/offline/errors";
import { FormatError, InputError } from "@poeem/pq-core";
import { InterruptedError } from "@poeem/training/train/interrupt";
import { afterEach, describe, expect, it, vi } from "vitest";
import { main } from "../src/cli.ts";

const { fails } = vi.hoisted(() => ({ fails: vi.fn<() => Promise<void>>() }));
vi.mock("../src/commands/search.ts", () => ({ search: fails }));
vi.mock("../src/commands/inspect.ts", () => ({ inspect: fails }));
afterEach(() => {
  process.exitCode = undefined;
  vi.restoreAllMocks();
});

/** What the command prints on stderr, and its exit code, when its work throws this. */
async function shownFor(
  error: unknown,
  command = ["search", "--index"],
): Promise<{ shown: string; code: typeof process.exitCode }> {
  let shown = "";
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    shown += text;
    return true;
  });
  fails.mockRejectedValueOnce(error);
  await main(["node", "poeem", ...command, "index"]);
  return { shown, code: process.exitCode };
}

describe("what the command says of an error, by its class", () => {
  it.each<[string, Error, string, number]>([
    ["a UserError", new UserError("no index in x"), "no index in x", 1],
    ["an interruption", new InterruptedError("stopped"), "stopped", 130],
    ["a FormatError", new FormatError("manifest", "is cut"), "[pq-core] manifest: is cut", 1],
    ["an InputError of an option", new InputError("k", "expected 1, got 2"), "--k: expected 1, got 2", 1],
    ["one of a member", new InputError("context.a.b", "is unknown"), "--context a.b: is unknown", 1],
    ["one whose option has another name", new InputError("text", "is empty"), "--query: is empty", 1],
    ["one of no option", new InputError("ids[3]", "is empty"), '"ids[3]" is empty', 1],
  ])("%s is one line", async (_, error, expected, code) => {
    expect(await shownFor(error)).toEqual({ shown: `poeem: ${expected}\n`, code });
  });

  it("an option of another command is none", async () => {
    const { shown } = await shownFor(new InputError("k", "expected 1, got 2"), ["inspect"]);
    expect(shown).toBe('poeem: "k" expected 1, got 2\n');
  });

  it("a package that is not installed is one line", async () => {
    const error = Object.assign(new Error("Cannot find package 'wrangler' imported from /a/b.js\n    at x"), {
      code: "ERR_MODULE_NOT_FOUND",
    });
    const shown = "poeem: the package wrangler is not installed: npm install\n";
    expect(await shownFor(error)).toEqual({ shown, code: 1 });
  });

  it("anything else shows its stack, whatever its text", async () => {
    const { shown, code } = await shownFor(new RangeError("[pq-core] a defect"));
    expect(shown).toMatch(/^poeem: RangeError: \[pq-core\] a defect\n\s+at /);
    expect(code).toBe(1);
  });

  it.each([
    [["10,x"], "expected an integer of 1 to 1000, got x."],
    [["10,,20"], "expected an integer of 1 to 1000, got nothing."],
    [["0"], "expected an integer of 1 to 1000, got 0."],
    [["10", "1001"], "expected an integer of 1 to 1000, got 1001."],
    [["2.5"], "expected an integer of 1 to 1000, got 2.5."],
  ])("cut-offs %j are refused before anything is read", async (given, expected) => {
    const { shown, code } = await shownFor(undefined, [
      "evaluate",
      "--config",
      "none",
      "--cutoffs",
      ...given,
      "--index",
    ]);
    const at = given.at(-1);
    expect(shown).toBe(`poeem: option '--cutoffs <n...>' argument '${at}' is invalid. ${expected}\n`);
    expect(code).toBe(1);
  });
});
