import { formatCount } from "@poeem/offline/progress";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { rollbackTo } from "@poeem/publish/rollback";
import type { StoreOptions } from "@poeem/publish/stores";
import { startProgress } from "../progress.ts";
import { withStore } from "../with-store.ts";

export interface RollbackOptions extends StoreOptions {
  toVersion?: string;
  json?: boolean;
}

/** `poeem rollback`: an earlier version serves again. */
export async function rollback(options: RollbackOptions): Promise<void> {
  const name = options.name ?? DEFAULT_INDEX_NAME;
  const facts = await withStore(options, (store) => rollbackTo(store, name, options.toVersion, { startProgress }));
  if (options.json) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else
    process.stderr.write(
      `rolled back ${name}: version ${facts.version} serves instead of ${facts.replaced}, ${formatCount(facts.chunksVerified)} chunks verified\n`,
    );
}
