import type { Env } from "../src/env.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly INDEX: KVNamespace;
      readonly CATALOGUE: KVNamespace;
      readonly BUCKET: R2Bucket;
    }
    interface GlobalProps {
      mainModule: typeof import("../src/worker.ts");
    }
  }
}

export type { Env };

declare module "vitest" {
  interface ProvidedContext {
    readonly fuzzRequests: number;
    readonly loadRounds: number;
  }
}
