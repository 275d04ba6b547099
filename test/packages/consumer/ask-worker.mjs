// Bundles worker.js, runs it in workerd and prints its answers: its own, and the status of the library's routes.
import { createTestHarness } from "wrangler";

const kv_namespaces = [{ binding: "INDEX", id: "00000000000000000000000000000000" }];
const config = { name: "consumer", main: "worker.js", compatibility_date: "2026-10-01", kv_namespaces };
const server = createTestHarness({ workers: [{ config }] });
await server.listen();
try {
  const own = await (await server.fetch("http://consumer/")).json();
  const health = await server.fetch("http://consumer/healthz");
  console.log(JSON.stringify({ ...own, healthz: health.status }));
} finally {
  await server.close();
}
