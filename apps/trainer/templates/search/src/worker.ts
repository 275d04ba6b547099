// The Worker: GET /search and the other routes, over the index in the KV namespace INDEX of wrangler.jsonc.
import { createWorker } from "@poeem/edge";

export default createWorker({
  // routes of your own, and middleware around all of them:
  // routes: (app) => app.get("/hello", (c) => c.text("hello")),
});
