import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "query-tower", include: ["test/**/*.test.ts"] } });
