/**
 * The app under Node, from index folders.
 *
 * @example
 * const server = await serveIndex({ directory: "dist/index", port: 8788, page: await pageFiles() });
 * console.log(server.address);
 * @module
 */
export { type OpenAiSettings, openAiEmbeddings } from "../encoder/open-ai.ts";
export { folderStore, type IndexFolder, type IndexFolders } from "./folder-store.ts";
export {
  type IndexServer,
  type NodeEnv,
  type NodeVariables,
  PortInUseError,
  type ServeOptions,
  serveIndex,
} from "./serve.ts";
