import { UserError } from "@poeem/offline/errors";
import type { Store } from "../store.ts";
import { type S3StoreOptions, s3Store } from "./s3.ts";
import { accountIdOf, readWorkerConfig } from "./worker-config.ts";

export interface R2Options {
  /** Folder of the Worker, with its wrangler.jsonc. */
  readonly worker: string;
  /** Default: CLOUDFLARE_ACCOUNT_ID, else `account_id` of wrangler.jsonc. */
  readonly accountId?: string | undefined;
  /** Default: the bucket of the binding INDEX_BUCKET in wrangler.jsonc. */
  readonly bucket?: string | undefined;
  /** Called before each wait for another attempt. */
  readonly onWait?: ((reason: string, ms: number) => void) | undefined;
}

/** The R2 bucket at Cloudflare that the Worker is bound to. */
export function openR2Store(options: R2Options, environment: NodeJS.ProcessEnv = process.env): Store {
  return s3Store({ ...readR2Access(options, environment), onWait: options.onWait });
}

/**
 * Gathers what a request needs. R2_ENDPOINT is for another server that speaks as R2 does, in tests or behind a proxy.
 * @throws UserError that names what is missing and where it can be put
 */
export function readR2Access(
  options: R2Options,
  environment: NodeJS.ProcessEnv,
): Pick<S3StoreOptions, "endpoint" | "bucket" | "accessKeyId" | "secretAccessKey"> {
  const config = readWorkerConfig(options.worker);
  const bucket = options.bucket ?? config.bucket?.name;
  if (!bucket)
    throw new UserError(
      `no bucket: expected --bucket, or the bucket_name of INDEX_BUCKET in ${config.path}; ` +
        "`npx wrangler r2 bucket create NAME` makes one",
    );
  // It becomes part of an address.
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket))
    throw new UserError(`bucket: expected 3 to 63 of the characters a-z, 0-9 and -, got ${JSON.stringify(bucket)}`);
  const isBound = bucket === config.bucket?.name;
  const endpoint =
    environment["R2_ENDPOINT"]?.replace(/\/+$/, "") ??
    endpointOf(accountIdOf(options.accountId, config, environment), isBound ? config.bucket?.jurisdiction : undefined);
  const [accessKeyId, secretAccessKey] = ["R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"].map((name) => {
    const value = environment[name]?.trim();
    if (!value)
      throw new UserError(`no ${name}: set it to that of an R2 API token with "Object Read & Write" for ${bucket}`);
    return value;
  }) as [string, string];
  return { endpoint, bucket, accessKeyId, secretAccessKey };
}

/** Where the S3 API of an account is: buckets of a jurisdiction have one of their own. */
function endpointOf(accountId: string, jurisdiction: string | undefined): string {
  return `https://${[accountId, ...(jurisdiction ? [jurisdiction] : [])].join(".")}.r2.cloudflarestorage.com`;
}
