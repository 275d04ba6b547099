/** Entry of this repository's own Worker: everything is as it comes, read from the KV binding INDEX. */
import { createWorker } from "./create-worker.ts";

export default createWorker();
