import type { Env } from "../src/config.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly INDEX: KVNamespace;
    }
    interface GlobalProps {
      mainModule: typeof import("../src/worker.ts");
    }
  }
}

export type { Env };
