import { defineConfig } from "vitest/config";

// some tests start Python a dozen times
export default defineConfig({ test: { name: "bench", include: ["*/test/**/*.test.ts"], testTimeout: 60_000 } });
