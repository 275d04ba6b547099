import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";

export default defineConfig({ test: { name: "offline", include: ["test/**/*.test.ts"], ...LIMITS } });
