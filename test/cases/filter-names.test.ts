import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { formatFilter, MAX_ID_BYTES, parseFilter } from "@poeem/pq-core";
import { expect, it } from "vitest";
import { caseConfig, csv, PRODUCTS, queriesOf, writeCase } from "./case.ts";

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const SIZES = ["S", "M", 'X "L"'];
const sizeOf = (n: number): string => SIZES[n % 3]!;

/** The products with a facet, a number, a field and a context of these names. */
const caseOf = (
  names: { facet: string; number: string; field: string; context: string },
  idOf = (n: number) => `A${n}`,
) => {
  const { facet, number, field, context } = names;
  return writeCase(
    {
      "items.csv": csv(
        ["id", "title", ...[facet, number, field].map(quoted)],
        ...PRODUCTS.map(({ n, title }) => [quoted(idOf(n)), title, quoted(sizeOf(n)), `${n}`, `note ${n}`]),
      ),
      "events.csv": csv(
        ["query", "item", quoted(context)],
        ...PRODUCTS.flatMap((product) =>
          queriesOf(product).map((query, i) => [query, quoted(idOf(product.n)), i % 2 ? "home" : "list"]),
        ),
      ),
    },
    caseConfig(
      { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
      {
        items: {
          ...{ text: ["title"], categories: [facet], inputs: [number] },
          ...{ facets: [facet], numbers: [number], fields: [field] },
        },
        events: { context: [context] },
      },
    ),
  );
};

const ODD = { facet: "Marke größe", number: "price (€)", field: 'say "a,b"', context: "page type" };

it.each([
  ODD,
  { facet: "constructor", number: "toString", field: "hasOwnProperty", context: "valueOf" },
  { facet: "AND", number: "NOT", field: "OR", context: "a=b" },
])("$facet, $number and $context can be filtered and asked by", async (names) => {
  const { train, index: folder } = await caseOf(names);
  await train();
  const index = await openIndexDirectory(folder);
  const asked = async (filter: string) => {
    const vector = (await index.vectors([0])).subarray(0, index.manifest.dim);
    const { ordinals } = await index.search(vector, { k: 200, nprobe: 4, filter: parseFilter(filter) });
    return (await index.items(ordinals)).map(({ id }) => String(id)).sort();
  };
  const expected = (holds: (n: number) => boolean) =>
    PRODUCTS.filter(({ n }) => holds(n))
      .map(({ n }) => `A${n}`)
      .sort();
  for (const size of SIZES)
    expect(await asked(formatFilter({ facet: names.facet, in: [size] }))).toEqual(expected((n) => sizeOf(n) === size));
  const name = `"${names.number}"`;
  expect(await asked(`${name}>=100 OR ${name}<7`)).toEqual(expected((n) => n >= 100 || n < 7));
  expect(Object.keys(await index.facets())).toEqual([names.facet]);
  expect(await index.numbers()).toEqual([names.number]);
});

it.each([
  [{ ...ODD, facet: "x".repeat(129) }, /items\.facets: column "x+": expected at most 128 bytes of UTF-8, got 129/],
  [{ ...ODD, number: "__proto__" }, /items\.numbers: column "__proto__": expected another name/],
  [{ ...ODD, context: "page\ttype" }, /events\.context: column "page\\ttype": expected no control characters/],
])("a name beyond the limits is refused before training", async (names, message) => {
  const { train } = await caseOf(names);
  await expect(train()).rejects.toThrow(message);
});

it.each([
  ["x".repeat(MAX_ID_BYTES + 88), "expected at most 512 bytes of UTF-8, got 600"],
  ["é".repeat(257), "expected at most 512 bytes of UTF-8, got 514"],
  ["..", 'expected an id other than "." and "..", which addresses drop, got ".."'],
  [".", 'expected an id other than "." and "..", which addresses drop, got "."'],
])("an id that no request can name is refused before training, with its row", async (id, expected) => {
  const { train } = await caseOf(ODD, (n) => (n === 4 ? id : `A${n}`));
  await expect(train()).rejects.toThrow(`data.items: column id, row 5: ${expected}`);
});

it("a facet value beyond the limits is refused before training, with its row", async () => {
  const items = csv(
    ["id", "title", "kind"],
    ...PRODUCTS.map(({ n, title }) => [`A${n}`, title, n === 2 ? "x".repeat(513) : "y"]),
  );
  const events = csv(["query", "item"], ...PRODUCTS.map(({ n, title }) => [title, `A${n}`]));
  const config = caseConfig(
    { items: "SELECT * FROM 'items.csv'", events: "SELECT * FROM 'events.csv'" },
    { items: { text: ["title"], facets: ["kind"] } },
  );
  const { train } = await writeCase({ "items.csv": items, "events.csv": events }, config);
  await expect(train()).rejects.toThrow("data.items: facet kind, row 3: expected at most 512 bytes of UTF-8, got 513");
});
