// Imports every entry of every package of ours that Node can import, and prints their number.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const scope = join(import.meta.dirname, "node_modules/@poeem");
const entries = readdirSync(scope).flatMap((name) => {
  const { exports } = JSON.parse(readFileSync(join(scope, name, "package.json"), "utf8"));
  const modules = readdirSync(join(scope, name, "dist"), { recursive: true }).filter((file) => file.endsWith(".js"));
  return Object.keys(exports)
    .filter((entry) => !/\.(wasm|json)$/.test(entry))
    .flatMap((entry) =>
      entry.includes("*") ? modules.map((file) => entry.replace("*", file.slice(0, -".js".length))) : [entry],
    )
    .map((entry) => `@poeem/${name}${entry.slice(1)}`);
});
for (const entry of entries) {
  const module = await import(entry);
  // a file of types alone is an entry, too
  if (!entry.includes("/", "@poeem/".length) && Object.keys(module).length === 0) throw new Error(`${entry} is empty`);
}
console.log(entries.length);
