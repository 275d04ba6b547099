import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import { unstable_readConfig } from "wrangler";
import type { Store } from "../store.ts";
import { type RestStoreOptions, restStore } from "./rest.ts";

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

const ID = /^[0-9a-f]{32}$/;
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
  const config = readWranglerConfig(options.worker);
  const accountId = options.accountId ?? environment["CLOUDFLARE_ACCOUNT_ID"] ?? config.accountId;
  if (!accountId) {
    throw new UserError("no account: expected --account-id, CLOUDFLARE_ACCOUNT_ID or account_id in wrangler.jsonc");
  }
  const namespaceId = options.namespaceId ?? config.namespaceId;
  if (!namespaceId || namespaceId === PLACEHOLDER) {
    throw new UserError(
      `no namespace: expected --namespace-id, or the id of INDEX in ${config.path}; ` +
        "`npx wrangler kv namespace create INDEX` makes one and prints its id",
    );
  }
  const ids = { "account id": accountId, "namespace id": namespaceId };
  for (const [what, id] of Object.entries(ids)) {
    if (!ID.test(id)) throw new UserError(`${what}: expected 32 hexadecimal digits, got ${JSON.stringify(id)}`);
  }
  const apiToken = environment["CLOUDFLARE_API_TOKEN"]?.trim();
  if (!apiToken) {
    throw new UserError('no token: set CLOUDFLARE_API_TOKEN to an API token with "Workers KV Storage: Edit"');
  }
  return { accountId, namespaceId, apiToken };
}

function readWranglerConfig(worker: string): {
  path: string;
  accountId: string | undefined;
  namespaceId: string | undefined;
} {
  const path = resolve(worker, "wrangler.jsonc");
  if (!existsSync(path)) return { path, accountId: undefined, namespaceId: undefined };
  try {
    const { account_id, kv_namespaces } = unstable_readConfig({ config: path }, { hideWarnings: true });
    return {
      path,
      accountId: account_id,
      namespaceId: kv_namespaces.find((namespace: { binding: string }) => namespace.binding === "INDEX")?.id,
    };
  } catch (error) {
    throw new UserError(`${path} cannot be read: ${messageOf(error)}`);
  }
}
