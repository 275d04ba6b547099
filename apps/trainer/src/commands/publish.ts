import { formatCount } from "../progress.ts";
import { publishLocal } from "../publish/local.ts";
import { readArtifact } from "../publish/read-artifact.ts";

export interface PublishOptions {
  index: string;
  to: "local";
  worker: string;
  persist?: string;
  json?: boolean;
}

/** `poeem publish`: every chunk is written and read back before the pointer names the new version. */
export async function publish(options: PublishOptions): Promise<void> {
  const artifact = await readArtifact(options.index);
  const facts = await publishLocal(artifact, options);
  if (options.json) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else
    process.stderr.write(
      `published ${facts.name}: version ${facts.version}, ${formatCount(facts.chunksWritten)} chunks written, ${formatCount(facts.chunksPresent)} already there, ${formatCount(facts.bytesWritten)} bytes\n`,
    );
}
