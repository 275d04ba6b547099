import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";

process.env["WRANGLER_SEND_METRICS"] = "false";
process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The golden files as base64: workerd has no file system, so they are read here and handed over. */
function goldenFiles(): Record<string, Record<string, string>> {
  const root = at("./fixtures");
  const folders = ["v1", "v2"]
    .flatMap((version) => readdirSync(`${root}/${version}`).map((name) => `${version}/${name}`))
    .filter((name) => statSync(`${root}/${name}`).isDirectory());
  return Object.fromEntries(
    folders.map((folder) => [
      folder,
      Object.fromEntries(
        readdirSync(`${root}/${folder}`).map((file) => [file, readFileSync(`${root}/${folder}/${file}`, "base64")]),
      ),
    ]),
  );
}

export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath: "./test/workerd/wrangler.jsonc" } })],
  test: {
    name: "pq-core-workerd",
    include: ["test/workerd/**/*.test.ts"],
    ...LIMITS,
    provide: { goldenFiles: goldenFiles() },
  },
});
