import { expect, it } from "vitest";
import { Database } from "../src/data/duckdb.ts";
import { RowBlocks } from "../src/shards/row-blocks.ts";

const ROWS = 150_000;
const TAKEN = 65_000;

it("gives rows of two blocks at once, each from its own", async () => {
  const database = await Database.open([], "1GB");
  try {
    await database.run(
      `CREATE TABLE numbered AS SELECT range::UINTEGER AS n, 'i' || range AS id FROM range(${ROWS}) ORDER BY range`,
    );
    const columns = new Map([
      ["n", "n"],
      ["id", "id"],
    ]);
    const blocks = new RowBlocks(database, "numbered", columns, 1 << 16);
    let first = 0;
    for (let left = ROWS; left > 0; left -= TAKEN) {
      const count = Math.min(TAKEN, left);
      const runs = await blocks.take(count);
      const numbers = runs.flatMap((run) => Array.from(run.numbers("n", Uint32Array)));
      expect(numbers).toEqual(Array.from({ length: count }, (_, i) => first + i));
      expect(runs.flatMap((run) => run.texts("id"))).toEqual(numbers.map((n) => `i${n}`));
      first += count;
    }
  } finally {
    database.close();
  }
});
