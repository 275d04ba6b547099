import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "towers", include: ["test/**/*.test.ts"] } });
