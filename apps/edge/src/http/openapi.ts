/** Head of the OpenAPI 3.1 document; the rest comes from the routes. */
export function openApiInfo(version: string) {
  return {
    openapi: "3.1.0",
    info: {
      title: "Poeem Edge",
      version,
      description:
        "Search over an index of a few bytes per item, served by a Cloudflare Worker. " +
        "Errors are problem details (RFC 9457).",
      license: { name: "MIT", identifier: "MIT" },
    },
    tags: [
      { name: "search", description: "Find items" },
      { name: "items", description: "Look up items" },
      { name: "operation", description: "Monitoring and operation" },
    ],
  };
}
