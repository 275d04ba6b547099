/** The Worker as it is, but for how often it looks for a newer version: a load test has minutes, not hours. */
import { createWorker } from "../src/create-worker.ts";

export default createWorker({ refreshMs: 5_000 });
