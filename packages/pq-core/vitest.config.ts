import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "pq-core", include: ["test/**/*.test.ts"] } });
