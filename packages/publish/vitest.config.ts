import { defineConfig } from "vitest/config";

export default defineConfig({ test: { name: "publish", include: ["test/**/*.test.ts"] } });
