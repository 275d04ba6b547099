import { z } from "zod";

export const DATA = z.strictObject({
  /** One row per item. */
  items: z.string().min(1),
  /** One row per event: a query and the item it led to. */
  events: z.string().min(1),
  /** Memory that DuckDB may take before it goes on on disk, in the system's folder for temporary files. */
  memoryLimit: z
    .string()
    .regex(/^\d+(\.\d+)? ?[KMGT]i?B$/, 'expected a size such as "1GB"')
    .default("1GB"),
});
