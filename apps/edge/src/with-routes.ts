import { type ExecutionContext, Hono } from "hono";
import type { RetrievalApp } from "./http/app.ts";
import { throwErrors } from "./http/ask-hook.ts";
import { executionContextOf, unreadRequest } from "./http/hook-context.ts";

/**
 * Routes and middleware of one's own before the retrieval routes. The retrieval app is not mounted but called: so what
 * nobody has is answered as it answers it without routes of one's own.
 */
export function withRoutes<Env extends object>(
  retrieval: RetrievalApp,
  routes: ((app: Hono<{ Bindings: Env }>) => void) | undefined,
): { fetch(request: Request, env: Env, ctx?: ExecutionContext): Response | Promise<Response> } {
  if (routes === undefined) return retrieval;
  const app = new Hono<{ Bindings: Env }>();
  app.use(throwErrors);
  routes(app);
  app.all("*", async (c) => retrieval.fetch(await unreadRequest(c), c.env, executionContextOf(c)));
  return app;
}
