import { counted, formatCount, formatSeconds } from "@poeem/offline/progress";
import { type AssembleOptions, assemble } from "@poeem/training/shards/assemble";
import { report, say } from "../print.ts";
import { startProgress } from "../progress.ts";

/** `poeem assemble`: shards → an index folder. */
export async function assembleShards({
  json,
  ...options
}: AssembleOptions & { readonly json?: boolean }): Promise<void> {
  const assembled = await assemble({ ...options, say, startProgress });
  const { out, version, items, shards, bytes, chunks, seconds } = assembled;
  report(
    json,
    assembled,
    `index ${version} in ${out}: ${counted(items, "item")} from ${counted(shards, "shard")}, ` +
      `${formatCount(bytes)} bytes in ${counted(chunks, "chunk")}; ${formatSeconds(seconds)}`,
  );
}
