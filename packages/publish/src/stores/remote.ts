import { UserError } from "@poeem/offline/errors";
import type { Store } from "../store.ts";
import { type RestStoreOptions, restStore } from "./rest.ts";
import { accountIdOf, checkId, readWorkerConfig } from "./worker-config.ts";

export interface RemoteOptions {
  /** Folder of the Worker, with its wrangler.jsonc. */
  readonly worker: string;
  /** Default: CLOUDFLARE_ACCOUNT_ID, else `account_id` of wrangler.jsonc. */
  readonly accountId?: string | undefined;
  /** Default: the id of the binding INDEX in wrangler.jsonc. */
  readonly namespaceId?: string | undefined;
  /** Called before each wait for another attempt. */
  readonly onWait?: ((reason: string, ms: number) => void) | undefined;
}

const PLACEHOLDER = "0".repeat(32);

/** The KV namespace at Cloudflare that the Worker is bound to. */
export function openRemoteStore(options: RemoteOptions, environment: NodeJS.ProcessEnv = process.env): Store {
  return restStore({ ...readCredentials(options, environment), onWait: options.onWait });
}

/** Gathers what a request needs. @throws UserError that names what is missing and where it can be put */
export function readCredentials(
  options: RemoteOptions,
  environment: NodeJS.ProcessEnv,
): Pick<RestStoreOptions, "accountId" | "namespaceId" | "apiToken"> {
  const config = readWorkerConfig(options.worker);
  const accountId = accountIdOf(options.accountId, config, environment);
  const namespaceId = options.namespaceId ?? config.namespaceId;
  if (!namespaceId || namespaceId === PLACEHOLDER) {
    throw new UserError(
      `no namespace: expected --namespace-id, or the id of INDEX in ${config.path}; ` +
        "`npx wrangler kv namespace create INDEX` makes one and prints its id",
    );
  }
  checkId("namespace id", namespaceId);
  const apiToken = environment["CLOUDFLARE_API_TOKEN"]?.trim();
  if (!apiToken) {
    throw new UserError('no token: set CLOUDFLARE_API_TOKEN to an API token with "Workers KV Storage: Edit"');
  }
  return { accountId, namespaceId, apiToken };
}
