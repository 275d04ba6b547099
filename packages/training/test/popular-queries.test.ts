import { expect, it } from "vitest";
import { emptyLists, toCsr } from "../src/data/csr.ts";
import type { QuerySet } from "../src/data/types.ts";
import { popularQueries } from "../src/words/popular-queries.ts";

/** Training events by their queries' texts, then some of the items' own sentences. */
function trained(asked: readonly string[], sentences: readonly string[] = []) {
  const texts = [...new Set(asked)];
  const count = texts.length;
  const train: QuerySet = {
    ...{ count, texts, users: [] as string[], histories: emptyLists(count), contexts: emptyLists(count) },
    relevant: toCsr(texts.map(() => [0])),
  };
  const own = sentences.map((_, i) => count + i);
  return {
    train,
    eventQuery: Uint32Array.from([...asked.map((text) => texts.indexOf(text)), ...own]),
    behaviour: asked.length,
  };
}

const times = (text: string, count: number): string[] => Array.from({ length: count }, () => text);

it("are the most frequent ones, equal ones in the order of their letters, and none that was asked once", () => {
  const asked = [...times("hat", 3), ...times("boots", 5), ...times("a secret", 2), ...times("cap", 3)].concat(
    times("scarf", 4),
  );
  expect(popularQueries(trained(asked), 12)).toEqual(["boots", "scarf", "cap", "hat"]);
  expect(popularQueries(trained(asked.reverse()), 12)).toEqual(["boots", "scarf", "cap", "hat"]);
  expect(popularQueries(trained(asked), 2)).toEqual(["boots", "scarf"]);
  expect(popularQueries(trained(asked), 0)).toEqual([]);
});

it("count all spellings of one normal form, and show the one that is spelled most", () => {
  const asked = [...times("Café au lait", 2), ...times("cafe  au lait", 3), "CAFÉ AU LAIT", ...times("tea", 5)];
  expect(popularQueries(trained(asked), 12)).toEqual(["cafe au lait", "tea"]);
  // once or twice each, but three times the same
  expect(popularQueries(trained(["Red!", "Red!", "red", "blue"]), 12)).toEqual(["Red!"]);
});

it("are asked by three users where there are users, however often one of them asks", () => {
  const rows = [...[1, 2, 3].map((user) => ["hat", user] as const), ["boots", 1] as const, ["boots", 2] as const];
  const data = trained(rows.map((_, i) => String(i)));
  const texts = rows.map(([text]) => text);
  const train = { ...data.train, texts, users: rows.map(([, user]) => `user ${user}`) };
  // the second user asks for boots nine times more
  const eventQuery = Uint32Array.from([...data.eventQuery, ...times("boots", 9).map(() => 4)]);
  expect(popularQueries({ train, eventQuery, behaviour: eventQuery.length }, 12)).toEqual(["hat"]);
});

it.each([
  ["an address", "anna@example.com"],
  ["a telephone number", "+41 (44) 123-45-67"],
  ["the number of a card", "4111 1111 1111 1111"],
  ["what turns the text around", "a\u202eevil"],
])("are never %s", (_, text) => {
  expect(popularQueries(trained([...times(text, 9), ...times("iso 9001", 3)]), 12)).toEqual(["iso 9001"]);
});

it("are never the items' own sentences, nor what shows nothing or cannot be shown", () => {
  expect(popularQueries(trained(times("hat", 3), times("boots", 9)), 12)).toEqual(["hat"]);
  const odd = ["", " ", "\u200b", "a".repeat(81), "bell\u0007", "\ud83c"].flatMap((text) => times(text, 4));
  expect(popularQueries(trained([...odd, ...times("€", 3)]), 12)).toEqual(["€"]);
  expect(popularQueries({ ...trained([]), behaviour: 0 }, 12)).toEqual([]);
});

it("take at most 4 kB together: longer ones give way to shorter ones", () => {
  const long = Array.from({ length: 40 }, (_, i) => `${"é".repeat(78)}${10 + i}`);
  const found = popularQueries(trained([...long.flatMap((text) => times(text, 4)), ...times("hat", 3)]), 50);
  expect(found.reduce((sum, text) => sum + Buffer.byteLength(text), 0)).toBeLessThanOrEqual(4096);
  expect(found).toHaveLength(26);
  expect(found.at(-1)).toBe("hat");
});
