import { openAiEmbeddings, PortInUseError, serveIndex } from "@poeem/edge/node";
import { messageOf, UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { InputError } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/towers";
import { say } from "../print.ts";
import { notesOf, readSite } from "../site.ts";

const MAX_PORT = 65_535;

export interface ServeCommandOptions {
  index: string;
  delta?: string;
  port: number;
  host: string;
  page?: string;
  encoder?: string;
  encoderModel?: string;
  encoderKey?: string;
}

/**
 * `poeem serve`: the Worker's answers and the page from an index folder, until SIGINT or SIGTERM.
 * @throws UserError for what cannot be served, a wrong page.json or encoder, or a port in use
 */
export async function serve(options: ServeCommandOptions): Promise<void> {
  const { index, delta, port, host, page } = options;
  const encoder = await encoderOf(options);
  const files = await readSite(page).catch((error: unknown) => {
    // Only a page that somebody asked for has to be there.
    if (page !== undefined || !(error instanceof InputError)) throw error;
    process.stderr.write(`serving without a page: ${messageOf(error)}\n`);
    return undefined;
  });
  const directory = { current: { directory: index, delta } };
  const more = { ...(files && { page: files }), ...(encoder && { encoder }) };
  const server = await serveIndex({ directory, port, host, ...more }).catch((error: unknown) => {
    if (!(error instanceof PortInUseError)) throw error;
    throw new UserError(`${messageOf(error)}, for example with --port ${port === MAX_PORT ? port - 1 : port + 1}`);
  });
  if (page !== undefined && files)
    for (const note of await notesOf(files, await openIndexDirectory(index))) say(`${page}: ${note}`);
  process.stdout.write(`${index} is served at ${server.address}\n`);
}

/**
 * Who embeds texts, with the name and the length that the index wants.
 * @throws UserError for an index that has no use for it
 */
async function encoderOf({ index, delta, encoder: url, encoderModel, encoderKey }: ServeCommandOptions) {
  if (url === undefined && (encoderModel !== undefined || encoderKey !== undefined))
    throw new UserError("--encoder-model and --encoder-key expected --encoder URL beside them, got none");
  const bytes = await (await openIndexDirectory(index, delta)).queryTower();
  const reads = bytes === undefined ? [] : openQueryTower(bytes).reads.embeddings;
  const named = new Map(
    reads.flatMap(({ encoder, length }) => (encoder === undefined ? [] : [[encoder, length] as const])),
  );
  if (url === undefined) {
    if (named.size > 0)
      say(`--encoder: none, so q is not embedded; the model reads ${[...named.keys()].join(" and ")}`);
    return undefined;
  }
  const [[name, length] = [], ...others] = named;
  if (name === undefined || length === undefined || others.length > 0) {
    const got = named.size === 0 ? "none" : [...named.keys()].join(" and ");
    throw new UserError(`--encoder: expected an index whose model names one encoder (queries.encoder), got ${got}`);
  }
  try {
    return openAiEmbeddings({ url, model: encoderModel ?? name, name, length, key: encoderKey });
  } catch (error) {
    throw new UserError(`--encoder: ${messageOf(error)}`, { cause: error });
  }
}
