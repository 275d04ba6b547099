/** Starts the server once for all files. */
import type { TestProject } from "vitest/node";
import { canBrowse } from "./chromium.ts";
import { type Server, startServer } from "./server.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly server: Pick<Server, "address" | "version">;
  }
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!canBrowse) return undefined;
  const { address, version, stop } = await startServer();
  project.provide("server", { address, version });
  return stop;
}
