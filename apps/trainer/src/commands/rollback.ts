import { counted } from "@poeem/offline/progress";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { rollbackTo } from "@poeem/publish/rollback";
import type { StoreOptions } from "@poeem/publish/stores";
import { report } from "../print.ts";
import { startProgress } from "../progress.ts";
import { sayIfCached, withStore } from "../with-store.ts";

export interface RollbackOptions extends StoreOptions {
  toVersion?: string;
  json?: boolean;
}

/** `poeem rollback`: an earlier version serves again. */
export async function rollback(options: RollbackOptions): Promise<void> {
  const name = options.name ?? DEFAULT_INDEX_NAME;
  const facts = await withStore(options, (store) => rollbackTo(store, name, options.toVersion, { startProgress }));
  const { version, replaced, chunksVerified } = facts;
  const verified = `${counted(chunksVerified, "chunk")} verified`;
  report(options.json, facts, `rolled back ${name}: version ${version} serves instead of ${replaced}, ${verified}`);
  await sayIfCached(options);
}
