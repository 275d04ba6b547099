import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Folder → file → base64. */
    goldenFiles: Record<string, Record<string, string>>;
  }
}
