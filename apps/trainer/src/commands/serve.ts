import { PortInUseError, serveIndex } from "@poeem/edge/node";
import { messageOf, UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { InputError } from "@poeem/pq-core";
import { say } from "../print.ts";
import { notesOf, readSite } from "../site.ts";

const MAX_PORT = 65_535;

export interface ServeCommandOptions {
  index: string;
  delta?: string;
  port: number;
  host: string;
  page?: string;
}

/**
 * `poeem serve`: the Worker's answers and the page from an index folder, until SIGINT or SIGTERM.
 * @throws UserError for what cannot be served, a wrong page.json, or a port in use
 */
export async function serve({ index, delta, port, host, page }: ServeCommandOptions): Promise<void> {
  const files = await readSite(page).catch((error: unknown) => {
    // Only a page that somebody asked for has to be there.
    if (page !== undefined || !(error instanceof InputError)) throw error;
    process.stderr.write(`serving without a page: ${messageOf(error)}\n`);
    return undefined;
  });
  const directory = { current: { directory: index, delta } };
  const server = await serveIndex({ directory, port, host, ...(files && { page: files }) }).catch((error: unknown) => {
    if (!(error instanceof PortInUseError)) throw error;
    throw new UserError(`${messageOf(error)}, for example with --port ${port === MAX_PORT ? port - 1 : port + 1}`);
  });
  if (page !== undefined && files)
    for (const note of await notesOf(files, await openIndexDirectory(index))) say(`${page}: ${note}`);
  process.stdout.write(`${index} is served at ${server.address}\n`);
}
