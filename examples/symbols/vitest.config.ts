import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "symbols", include: ["test/**/*.test.ts"] } });
