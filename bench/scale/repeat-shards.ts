import { readdirSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { SHARD_KEY, type ShardFacts } from "@poeem/training/shards/schema";
import { shardFile } from "@poeem/training/shards/target";

/**
 * Writes shards some times over, as those of other items: to assemble and to search more than there is time to encode.
 * Ids follow on each other, and each time one number of a code is another one, so that hardly any two are alike.
 *
 * @param items of all shards together
 * @param dims numbers of a vector, each of which has a code of its own
 */
export async function repeatShards(
  from: string,
  to: string,
  { times, items, dims }: { readonly times: number; readonly items: number; readonly dims: number },
): Promise<void> {
  await mkdir(to, { recursive: true });
  const files = readdirSync(from).filter((name) => name.endsWith(".parquet"));
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    await connection.run("SET preserve_insertion_order = true");
    for (const name of files) {
      const file = join(from, name);
      const read = await connection.runAndReadAll(
        `SELECT decode(value) AS facts FROM parquet_kv_metadata('${file}') WHERE decode(key) = '${SHARD_KEY}'`,
      );
      const facts = JSON.parse(read.getRowObjects()[0]!["facts"] as string) as ShardFacts;
      for (let time = 0; time < times; time++) {
        const shard = time * facts.of + facts.shard;
        const own: ShardFacts = { ...facts, shard, of: facts.of * times };
        const at = `(2 * (id::INTEGER // 7 % ${dims}))`;
        const digit = `(('0x' || hex(code)[${at} + 2])::INTEGER + ${time}) % 16`;
        const code = `unhex(hex(code)[1 : ${at}] || printf('%02X', ${digit}) || hex(code)[${at} + 3 :])`;
        await connection.run(
          `COPY (SELECT * REPLACE ((id::INTEGER + ${time * items})::VARCHAR AS id, ${code} AS code) FROM '${file}')
           TO '${shardFile(to, { index: shard, of: own.of })}'
           (FORMAT parquet, COMPRESSION zstd, KV_METADATA {'${SHARD_KEY}': '${JSON.stringify(own)}'})`,
        );
      }
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
