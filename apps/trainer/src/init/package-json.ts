/** The `package.json` of a folder that `poeem init` writes. */
import packageJson from "../../package.json" with { type: "json" };

/** Version of this command and, since all are released together, of every package of ours. */
export const VERSION = packageJson.version;

/** What the folder is built with: the versions that this repository uses (a test compares them). */
export const TOOLS = {
  "@cloudflare/workers-types": "5.20261117.1",
  node: "22.23.3",
  typescript: "7.0.2",
  wrangler: "4.156.2",
} as const;

/** What the folder's own files import. */
const USED = ["@poeem/edge", "@poeem/trainer"];
/** All that have to be there as tarballs when no registry has them. */
export const OWN_PACKAGES = [
  ...new Set([...USED, ...Object.keys(packageJson.dependencies).filter((name) => name.startsWith("@poeem/"))]),
].sort();

const SCRIPTS = {
  train: "poeem train --config poeem.config.ts",
  evaluate: "poeem evaluate --config poeem.config.ts --index dist/index --report",
  serve: "poeem serve --index dist/index --page page.json",
  publish: "poeem publish --index dist/index --to remote",
  page: "poeem page --config page.json --out public",
  dev: "poeem publish --index dist/index --to local && wrangler dev",
  deploy: "wrangler deploy",
  typecheck: "tsc --noEmit",
};

/** @param tarballs name of a package → path of its tarball in the folder; undefined: all come from the registry */
export function packageJsonFor(name: string, tarballs: ReadonlyMap<string, string> | undefined): string {
  const dependencies = tarballs
    ? [...tarballs].map(([own, path]) => [own, `file:${path}`])
    : USED.map((own) => [own, VERSION]);
  const content = {
    name,
    private: true,
    type: "module",
    scripts: SCRIPTS,
    dependencies: Object.fromEntries(dependencies),
    devDependencies: TOOLS,
    engines: { node: ">=20" },
    allowScripts: { node: true, esbuild: true, workerd: true },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
