/** The same app under Node: index folders instead of KV, the page from memory, a server of Node's own. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type HttpBindings } from "@hono/node-server";
import { messageOf, UserError } from "@poeem/offline/errors";
import { FormatError } from "@poeem/pq-core";
import { pointerKey } from "@poeem/pq-core/kv";
import type { Hono } from "hono";
import { checkServed, VARIABLE_KEYS, type Variables } from "../config.ts";
import { type AppOptions, assemble } from "../create-app.ts";
import type { EncoderOption } from "../encoder/encoder.ts";
import type { OptionalBindings } from "../env.ts";
import { ReadError } from "../index/failures.ts";
import type { LogEntry } from "../log.ts";
import { SettingError } from "../setting-error.ts";
import { withRoutes } from "../with-routes.ts";
import { folderStore, foldersByName, type IndexFolder, type IndexFolders } from "./folder-store.ts";
import { pageRoutes } from "./page-routes.ts";
import { addressBehind, memoryRateLimiter, wholeNumber } from "./rate-limiter.ts";

const MiB = 1024 * 1024;
const DEFAULT_PORT = 8788;
/** A process has more memory than an isolate. */
const DEFAULT_MAX_INDEX_BYTES = 1024 * MiB;
/** To look at a folder costs next to nothing. */
const DEFAULT_REFRESH_MS = 2_000;
/** A URL as long as the app takes it, with all other headers; Node's own limit is 16 KiB for both. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Answers under way have this long to go out once the server is to close. */
const CLOSE_WITHIN_MS = 5_000;
const CLOSE_IDLE_MS = 20;
/** What happens to indexes while they are read at the start: whoever starts the server learns it from the outcome. */
const READING: readonly LogEntry["event"][] = ["cold-start", "refresh-failed", "read-again"];

/** What Node reads besides the settings of the app: it has no rate limiter of a platform, and no word for addresses. */
export interface NodeVariables extends Variables {
  /** Requests a minute of each address, and of each token; left out: as many as come. */
  readonly RATE_LIMIT?: string;
  /** How many proxies in front add to `X-Forwarded-For`; left out: the socket's address is the client's. */
  readonly TRUSTED_PROXIES?: string;
}
const VARIABLES: readonly (keyof NodeVariables)[] = [...VARIABLE_KEYS, "RATE_LIMIT", "TRUSTED_PROXIES"];

/** What hooks and routes find in `env`: Node's request and response, and the variables. */
export type NodeEnv = HttpBindings & Variables;

/** Only the directory has to be said. */
export interface ServeOptions extends Omit<AppOptions<NodeEnv>, "store"> {
  /** An index folder, served as `current`, or folders by the names of their indexes. */
  readonly directory: IndexFolders;
  /** Default 8788; 0 for any that is free. */
  readonly port?: number;
  /** Name or address to listen on; default `localhost`, which other machines do not reach: `0.0.0.0` is for all. */
  readonly host?: string;
  /** The files of a page, as `pageFiles` of `@poeem/edge/page` makes them; left out: no page. */
  readonly page?: ReadonlyMap<string, Uint8Array>;
  /** Adds routes and middleware of one's own; they come first. */
  readonly routes?: (app: Hono<{ Bindings: NodeEnv }>) => void;
  /** Default: those of the process's environment. */
  readonly variables?: NodeVariables;
  /** Whether SIGINT and SIGTERM close the server, so that the process can end; default true. */
  readonly signals?: boolean;
  /** Bytes that the versions being served may take together; default 1 GiB. */
  readonly maxIndexBytes?: number;
  /** Milliseconds after which a request looks whether its folder has a newer version; default 2,000. */
  readonly refreshMs?: number;
}

/** A server that answers. */
export interface IndexServer {
  /** As in `http://localhost:8788`. */
  readonly address: string;
  readonly port: number;
  /** Stops listening; resolves once the answers under way are out, after five seconds in any case. */
  close(): Promise<void>;
}

/** Another program listens there. */
export class PortInUseError extends UserError {}

/**
 * Opens the indexes and serves them: resolves once all of them are read, checked and can be searched.
 * @throws UserError, without a server left behind, for a folder without an index or with one that cannot be served, a
 *   port that is none, a host that is not this machine's, a wrong variable or option; PortInUseError
 */
export async function serveIndex(options: ServeOptions): Promise<IndexServer> {
  const {
    directory,
    port = DEFAULT_PORT,
    host = "localhost",
    page,
    routes,
    signals = true,
    variables: given,
    encoder,
    ...rest
  } = options;
  // Pages that are no longer needed are freed at once, which older ones cannot do.
  if (!("transfer" in ArrayBuffer.prototype))
    throw new UserError(`expected Node 22.18 or newer, got ${process.versions.node}`);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new UserError(`port: expected a whole number from 0 to 65535, got ${port}`);
  const { variables, bindings, addressOf } = settled(() => readVariables(given ?? variablesOf(process.env)));
  let isStarting = true;
  const settings = {
    ...(addressOf && { addressOf }),
    maxIndexBytes: DEFAULT_MAX_INDEX_BYTES,
    refreshMs: DEFAULT_REFRESH_MS,
    log: (entry: LogEntry) => {
      if (isStarting && READING.includes(entry.event)) return;
      process.stderr.write(`${JSON.stringify(entry)}\n`);
    },
    ...rest,
    ...(encoder && { encoder: withEnvironment(encoder) }),
  };
  const store = folderStore(directory);
  const folders = foldersByName(directory);
  const { retrieval, indexes } = settled(() => {
    const { app, dependencies } = assemble<NodeEnv>({ ...settings, store: () => store }, routes !== undefined);
    // Before the first request there is none to have bindings of.
    const { config, indexes } = dependencies({ ...variables, ...bindings } as NodeEnv);
    checkServed(config, [...folders.keys()], variables);
    return { retrieval: app, indexes };
  });
  const app = withRoutes<NodeEnv>(retrieval, (own) => {
    routes?.(own);
    if (page !== undefined) own.use(pageRoutes(page));
  });
  const server = createAdaptorServer({
    fetch: (request, own) => app.fetch(request, { ...variables, ...bindings, ...(own as HttpBindings) }),
    serverOptions: { maxHeaderSize: MAX_HEADER_BYTES },
    overrideGlobalObjects: false,
  }) as Server;
  // What is no index at all is told before anything else.
  for (const name of folders.keys()) await store.getText(pointerKey(name));
  await listen(server, port, host);
  const close = () => closeServer(server);
  try {
    for (const [name, folder] of folders) {
      const served = await naming(folder, () =>
        indexes.acquire(name, (promise) => void promise.catch(() => undefined)),
      );
      await naming(folder, () => served.prefetch());
    }
  } catch (error) {
    await close();
    throw error;
  }
  isStarting = false;
  if (signals) closeOnSignals(server, close);
  const bound = (server.address() as AddressInfo).port;
  return { address: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`, port: bound, close };
}

/** Those that are set; one that is empty goes on, to be refused. */
function variablesOf(environment: NodeJS.ProcessEnv): NodeVariables {
  const isGiven = (name: string) => environment[name] !== undefined;
  return Object.fromEntries(VARIABLES.filter(isGiven).map((name) => [name, environment[name]]));
}

/** Encoders find their keys in the environment, which has every secret: so nobody else gets it. */
function withEnvironment(option: EncoderOption<NodeEnv>): EncoderOption<NodeEnv> {
  return [option]
    .flat()
    .map((one) => (typeof one === "function" ? (env: NodeEnv) => one({ ...process.env, ...env }) : one));
}

/** The variables of the app, and what those of Node stand for. @throws SettingError */
function readVariables({ RATE_LIMIT, TRUSTED_PROXIES, ...variables }: NodeVariables) {
  const limit = wholeNumber("RATE_LIMIT", RATE_LIMIT);
  const proxies = wholeNumber("TRUSTED_PROXIES", TRUSTED_PROXIES);
  const bindings: OptionalBindings = { ...(limit !== undefined && { RATE_LIMIT: memoryRateLimiter(limit) }) };
  return { variables, bindings, addressOf: proxies === undefined ? undefined : addressBehind(proxies) };
}

/** What is wrong with a setting is the mistake of whoever starts the server. */
function settled<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw error instanceof SettingError ? new UserError(messageOf(error), { cause: error }) : error;
  }
}

/** Opens an index; what is wrong with it is told with the name of its folder. */
async function naming<T>({ directory }: IndexFolder, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    if (cause instanceof UserError) throw cause;
    const isExpected =
      cause instanceof FormatError ||
      cause instanceof ReadError ||
      (cause instanceof Error && cause.constructor === Error);
    throw isExpected ? new UserError(`${directory}: ${messageOf(cause)}`) : cause;
  }
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") throw new PortInUseError(`port ${port} of ${host} is in use: choose another one`);
    if (code === "EACCES") throw new UserError(`port ${port} of ${host} may not be used: choose one above 1023`);
    if (code === "ENOTFOUND" || code === "EADDRNOTAVAIL" || code === "EAI_AGAIN")
      throw new UserError(`host: expected a name or an address of this machine, got ${host}`);
    throw new UserError(`cannot listen on port ${port} of ${host}: ${messageOf(error)}`);
  }
}

async function closeServer(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_WITHIN_MS);
  // Once its answer is out, a connection would be kept for the next request.
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
  await new Promise<void>((closed) => server.close(() => closed()));
  clearTimeout(timer);
  clearInterval(idle);
}

/** The second signal ends the process at once, as it does without a handler. */
function closeOnSignals(server: Server, close: () => Promise<void>): void {
  const onSignal = () => void close();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, onSignal);
    server.once("close", () => process.off(signal, onSignal));
  }
}
