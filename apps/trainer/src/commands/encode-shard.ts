import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import { useBackend } from "@poeem/training/backend/backend";
import { type EncodeShardOptions, encodeShard } from "@poeem/training/shards/encode-shard";
import { report, say } from "../print.ts";
import { startProgress } from "../progress.ts";

export type ShardOptions = EncodeShardOptions & { readonly json?: boolean };

/** `poeem encode-shard`: a part of a catalogue → one Parquet file of codes, for `poeem assemble`. */
export async function encodeOneShard({ json, ...options }: ShardOptions): Promise<void> {
  await useBackend("wasm");
  const encoded = await encodeShard({ ...options, say, startProgress });
  const { out, shard, of, rows, skipped, seconds, rowsPerSecond } = encoded;
  report(
    json,
    encoded,
    `shard ${shard} of ${of} in ${out}: ${counted(rows, "item")}` +
      `${skipped > 0 ? `, ${formatCount(skipped)} left out, of which the item tower knows nothing` : ""}; ` +
      `${formatSeconds(seconds)}, ${formatCount(rowsPerSecond)} items/s`,
  );
}
