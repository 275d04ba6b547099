/**
 * What a `poeem.config.ts` imports.
 * @module
 */
export { defineConfig, type PoeemConfig, type PoeemConfigInput } from "@poeem/training/config";
