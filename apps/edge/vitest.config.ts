import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";
// Wrangler builds the page before it starts; the plugin does not, and the assets binding wants the folder to be there.
import "./scripts/build.ts";

process.env["WRANGLER_SEND_METRICS"] = "false";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";

export default defineConfig({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.jsonc" },
      // For Workers of one's own, which name their bindings as they like.
      miniflare: { kvNamespaces: ["CATALOGUE"], r2Buckets: ["BUCKET"] },
    }),
  ],
  test: {
    name: "edge",
    include: ["test/**/*.test.ts"],
    ...LIMITS,
    provide: {
      fuzzRequests: Number(process.env["FUZZ"] ?? 2_000),
      loadRounds: Number(process.env["LOAD_ROUNDS"] ?? 150),
    },
  },
});
