import { defineConfig } from "@poeem/trainer";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";

/** The example at another size: BYTES an item, 4 bits a sub-quantizer. */
const { BYTES = "16" } = process.env;

export default defineConfig({
  ...goodbooks,
  index: { ...goodbooks.index, numSubQuantizers: 2 * Number(BYTES) },
});
