/**
 * What a `poeem.config.ts` imports.
 * @module
 */
export { defineConfig, type PoeemConfig, type PoeemConfigInput } from "./config.ts";
