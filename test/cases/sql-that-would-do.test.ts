import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

const sql = (cured: string, file: string): string => `SELECT * REPLACE (${cured}) FROM '${file}.csv'`;

it("the SQL that a refusal names makes the training run, for times and for numbers", async () => {
  const files = {
    "items.csv": csv(["id", "title", "Preis"], ...PRODUCTS.map(({ n, title }) => [`A${n}`, title, `"${n},50"`])),
    "events.csv": csv(
      ["query", "item", "ts"],
      ...PRODUCTS.flatMap((product) =>
        queriesOf(product).map((query, i) => [query, `A${product.n}`, `3${i % 2}.12.2026 1${i}:00`]),
      ),
    ),
  };
  const changed = { items: { numbers: ["Preis"], text: ["title"] }, events: { time: "ts" } };
  const refused = async (items: string, events: string): Promise<string> => {
    const { train } = await writeCase(files, caseConfig({ items, events }, changed));
    const error = await train().catch((error: unknown) => error);
    expect(error).toMatchObject({ name: "UserError" });
    return /SQL that would do: (.*)$/.exec((error as Error).message)![1]!;
  };
  const prices = await refused("SELECT * FROM 'items.csv'", "SELECT * FROM 'events.csv'");
  expect(prices).toBe(`replace("Preis", ',', '.')::DOUBLE AS "Preis"`);
  const times = await refused(sql(prices, "items"), "SELECT * FROM 'events.csv'");
  expect(times).toBe(`strptime("ts", '%d.%m.%Y %H:%M') AS "ts"`);
  const { train } = await writeCase(
    files,
    caseConfig({ items: sql(prices, "items"), events: sql(times, "events") }, changed),
  );
  expect((await train()).items).toBe(120);
});
