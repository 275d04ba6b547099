import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "goodbooks", include: ["test/**/*.test.ts"] } });
