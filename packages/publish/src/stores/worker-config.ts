import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { unstable_readConfig } from "wrangler";

/** What a Worker's wrangler.jsonc says of the stores that it reads. */
export interface WorkerConfig {
  /** Of the file, whether or not it is there. */
  readonly path: string;
  readonly accountId: string | undefined;
  /** Id of the KV namespace bound as INDEX. */
  readonly namespaceId: string | undefined;
  /** The R2 bucket bound as INDEX_BUCKET. */
  readonly bucket: { readonly name: string | undefined; readonly jurisdiction: string | undefined } | undefined;
  /** Whether Cloudflare keeps answers of the Worker. */
  readonly cachesAnswers: boolean;
}

/** @throws UserError for a file that cannot be read */
export function readWorkerConfig(worker: string): WorkerConfig {
  const path = resolve(worker, "wrangler.jsonc");
  if (!existsSync(path))
    return { path, accountId: undefined, namespaceId: undefined, bucket: undefined, cachesAnswers: false };
  try {
    const config = unstable_readConfig({ config: path }, { hideWarnings: true });
    const { account_id, kv_namespaces, r2_buckets, cache } = config;
    const bucket = r2_buckets.find(({ binding }: { binding: string }) => binding === "INDEX_BUCKET");
    return {
      path,
      accountId: account_id,
      namespaceId: kv_namespaces.find(({ binding }: { binding: string }) => binding === "INDEX")?.id,
      bucket: bucket && { name: bucket.bucket_name as string | undefined, jurisdiction: bucket.jurisdiction },
      cachesAnswers: cache?.enabled === true,
    };
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** The id of the account. @throws UserError that says where it can be put, or that it is none */
export function accountIdOf(
  given: string | undefined,
  { accountId }: WorkerConfig,
  environment: NodeJS.ProcessEnv,
): string {
  const id = given ?? environment["CLOUDFLARE_ACCOUNT_ID"] ?? accountId;
  if (!id)
    throw new UserError("no account: expected --account-id, CLOUDFLARE_ACCOUNT_ID or account_id in wrangler.jsonc");
  checkId("account id", id);
  return id;
}

/** @throws UserError unless it is an id of Cloudflare's */
export function checkId(what: string, id: string): void {
  if (!/^[0-9a-f]{32}$/.test(id))
    throw new UserError(`${what}: expected 32 hexadecimal digits, got ${JSON.stringify(id)}`);
}
