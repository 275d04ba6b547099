import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "trainer", include: ["test/**/*.test.ts"] } });
