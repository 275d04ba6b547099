import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";
import "./scripts/build.ts";

// The same app in Node, from index folders.
export default defineConfig({ test: { name: "edge-node", include: ["test-node/**/*.test.ts"], ...LIMITS } });
