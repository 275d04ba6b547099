import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "indexing-layer", include: ["test/**/*.test.ts"], testTimeout: 120_000 } });
