import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "movielens", include: ["test/**/*.test.ts"] } });
