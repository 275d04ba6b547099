import { formatCount } from "@poeem/offline/progress";
import { DEFAULT_INDEX_NAME } from "@poeem/pq-core/kv";
import { planPublish } from "@poeem/publish/plan";
import { publishInto } from "@poeem/publish/publish-into";
import { readArtifact } from "@poeem/publish/read-artifact";
import { checkName, type StoreOptions } from "@poeem/publish/stores";
import { startProgress } from "../progress.ts";
import { withStore } from "../with-store.ts";

export interface PublishCommandOptions extends StoreOptions {
  index: string;
  delta?: string;
  dryRun?: boolean;
  json?: boolean;
}

/** `poeem publish`: every chunk is written and read back before the pointer names the new version. */
export async function publish(options: PublishCommandOptions): Promise<void> {
  const name = options.name ?? DEFAULT_INDEX_NAME;
  checkName(name);
  const artifact = await readArtifact(options.index, options.delta);
  await withStore(options, async (store) => {
    if (options.dryRun) {
      const { version, write, present } = await planPublish(store, artifact, name);
      const bytes = write.reduce((sum, { size }) => sum + size, 0);
      if (options.json) {
        process.stdout.write(
          `${JSON.stringify({ name, version, dryRun: true, write: write.map(({ key, size }) => ({ key, size })), chunksPresent: present.length, bytes })}\n`,
        );
        return;
      }
      for (const { key, size } of write) process.stdout.write(`${key} ${formatCount(size)} bytes\n`);
      process.stderr.write(
        `would publish ${name}: version ${version}, ${formatCount(write.length)} chunks of ${formatCount(bytes)} bytes to write into ${store.name}, ${formatCount(present.length)} already there\n`,
      );
      return;
    }
    const verify = options.delta === undefined ? "all" : "new";
    const facts = await publishInto(store, artifact, { name, verify, startProgress });
    if (options.json) process.stdout.write(`${JSON.stringify(facts)}\n`);
    else
      process.stderr.write(
        `published ${name}: version ${facts.version}, ${formatCount(facts.chunksWritten)} chunks written, ${formatCount(facts.chunksPresent)} already there, ${formatCount(facts.bytesWritten)} bytes\n`,
      );
  });
}
