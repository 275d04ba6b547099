import { defineConfig } from "@poeem/trainer";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";

/** The example at another size: BYTES an item, 4 bits a sub-quantizer, and as many dimensions as sub-quantizers. */
const bytes = Number(process.env["BYTES"] ?? 16);

export default defineConfig({
  ...goodbooks,
  model: { dim: 2 * bytes },
  index: { ...goodbooks.index, numSubQuantizers: 2 * bytes },
});
