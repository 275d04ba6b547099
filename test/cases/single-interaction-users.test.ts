import { UserError } from "@poeem/offline/errors";
import type { PoeemConfigInput } from "@poeem/training/config";
import { describe, expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, writeCase } from "./case.ts";

const data = { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" };
const users = { user: "user", time: "time" };
const items = csv(["id", "title"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title]));

/** Users with some items each. */
const eventsOf = (numUsers: number, itemsOf: (user: number) => number[]): string =>
  csv(
    ["user", "item", "time", "query"],
    ...Array.from({ length: numUsers }, (_, user) =>
      itemsOf(user).map((item, at) => [
        `u${user}`,
        `A${item % 120}`,
        `${1000 * at + user}`,
        PRODUCTS[item % 120]!.title,
      ]),
    ).flat(),
  );
const ONE = eventsOf(300, (user) => [user]);
const THE_SAME = eventsOf(90, (user) => new Array<number>(10).fill(user));
const TWO = eventsOf(200, (user) => [user, user + 7]);
const WHY = "no user has two items, so no training event has a history";

type Sections = Parameters<typeof caseConfig>[1];
async function refusal(events: string, sections: Sections): Promise<{ error: Error; said: string[] }> {
  const { train, said } = await writeCase({ "items.csv": items, "events.csv": events }, caseConfig(data, sections));
  const error = await train().then(
    () => new Error("trained"),
    (reason: Error) => reason,
  );
  return { error, said };
}

const SPLITS: PoeemConfigInput["split"][] = [
  { by: "last" },
  { by: "time" },
  { by: "hash" },
  { by: "hash", testModulus: 0, validation: 0 },
  { by: "hash", columns: ["user"] },
];

describe.each(Object.entries({ "one item each": ONE, "the same item ten times": THE_SAME }))(
  "users with %s",
  (_, rows) => {
    it.each(SPLITS)("are refused before the training, with the split %j", async (split) => {
      const { error, said } = await refusal(rows, { events: users, split });
      expect(error).toBeInstanceOf(UserError);
      // a split by "last" may leave nothing at all
      expect(error.message).toMatch(new RegExp(`${WHY}|expected events left to train on`));
      expect(said.join("\n")).not.toContain("quantizer");
    });

    it("are trained on where they ask in words, and their lack of a history is said", async () => {
      const { train, said } = await writeCase(
        { "items.csv": items, "events.csv": rows },
        caseConfig(data, {
          events: { ...users, query: "query" },
          model: { dim: 16, hiddenDim: 0, minFeatureCount: 1, history: { as: "mean" } },
        }),
      );
      expect((await train()).items).toBe(120);
      expect(said.filter((line) => line.startsWith(WHY))).toEqual([`${WHY}: only texts and contexts are trained on`]);
    });
  },
);

it("users with two items, one of which is held out, are refused as well", async () => {
  const { error } = await refusal(TWO, { events: users, split: { by: "last", validation: 0 } });
  expect(error.message).toContain(WHY);
});

it("too few events for the buffer is told before the first step, with the size that would do", async () => {
  const rows = csv(["query", "item"], ...PRODUCTS.map(({ n, title }) => [title, `A${n}`]));
  const index = { nlist: 4, numSubQuantizers: 8, nprobe: 4, warmup: 0.4 };
  const training = { batchSize: 32, epochs: 2, validations: 0, ownSentences: false };
  const whole = { split: { testModulus: 0, validation: 0 }, training };
  const { error } = await refusal(rows, { ...whole, index: { ...index, bufferSize: 8192 } });
  expect(error).toBeInstanceOf(UserError);
  // 6 steps, 2 of them warm-up
  expect(error.message).toMatch(
    /^too few training events .* 8,192 .*, got 128 from 4 steps .*; index.bufferSize 128 would do$/,
  );
  expect((await refusal(rows, { ...whole, index: { ...index, bufferSize: 128 } })).error.message).toBe("trained");
});
