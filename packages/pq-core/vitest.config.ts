import { defineConfig } from "vitest/config";

// Correctness must not depend on how fast the machine is: the limit only ends a hang.
export default defineConfig({ test: { name: "pq-core", include: ["test/*.test.ts"], testTimeout: 600_000 } });
