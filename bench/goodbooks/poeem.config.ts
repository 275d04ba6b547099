import { defineConfig } from "@poeem/trainer";
import goodbooks from "../../examples/goodbooks/poeem.config.ts";

/** The example at another size: BYTES an item, 4 bits a sub-quantizer, so that 16 and 32 bytes code a dimension each, and 8 bytes four. */
const bytes = Number(process.env["BYTES"] ?? 16);

export default defineConfig({
  ...goodbooks,
  model: { ...goodbooks.model, dim: bytes === 16 ? 32 : 64 },
  index: { ...goodbooks.index, numSubQuantizers: 2 * bytes },
});
