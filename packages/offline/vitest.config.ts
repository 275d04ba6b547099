import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "offline", include: ["test/**/*.test.ts"] } });
