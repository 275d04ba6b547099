import { counted, formatCount } from "@poeem/offline/progress";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { type PublishPlan, planPublish } from "@poeem/publish/plan";
import { publishInto } from "@poeem/publish/publish-into";
import { readArtifact } from "@poeem/publish/read-artifact";
import { checkRecall, evaluatedRecall } from "@poeem/publish/recall";
import { checkName, type StoreOptions } from "@poeem/publish/stores";
import { bytesOf } from "@poeem/publish/verify";
import { report, say } from "../print.ts";
import { startProgress } from "../progress.ts";
import { sayIfCached, withStore } from "../with-store.ts";

export interface PublishCommandOptions extends StoreOptions {
  index: string;
  delta?: string;
  /** Share of the serving version's recall that may be lost. */
  maxLoss?: number;
  dryRun?: boolean;
  json?: boolean;
}

/** `poeem publish`: every chunk is written and read back before the pointer names the new version. */
export async function publish(options: PublishCommandOptions): Promise<void> {
  const name = options.name ?? DEFAULT_INDEX_NAME;
  checkName(name);
  const artifact = await readArtifact(options.index, options.delta);
  const recall = await evaluatedRecall(options.index);
  await withStore(options, async (store) => {
    if (options.maxLoss !== undefined) say(await checkRecall(store, name, recall, options.maxLoss));
    if (options.dryRun) return describePlan(await planPublish(store, artifact, name), store.name, options.json);
    const verify = options.delta === undefined ? "all" : "new";
    const facts = await publishInto(store, artifact, { name, verify, recall, startProgress });
    const written = `${counted(facts.chunksWritten, "chunk")} written`;
    const present = `${formatCount(facts.chunksPresent)} already there, ${formatCount(facts.bytesWritten)} bytes`;
    report(options.json, facts, `published ${name}: version ${facts.version}, ${written}, ${present}`);
    await sayIfCached(options);
  });
}

function describePlan(plan: PublishPlan, storeName: string, json: boolean | undefined): void {
  const { name, version, present } = plan;
  const write = plan.write.map(({ key, size }) => ({ key, size }));
  const bytes = bytesOf(plan.write);
  if (!json) for (const { key, size } of write) process.stdout.write(`${key} ${formatCount(size)} bytes\n`);
  report(
    json,
    { name, version, dryRun: true, write, chunksPresent: present.length, bytes },
    `would publish ${name}: version ${version}, ${counted(write.length, "chunk")} of ${formatCount(bytes)} bytes ` +
      `to write into ${storeName}, ${formatCount(present.length)} already there`,
  );
}
