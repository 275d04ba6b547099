#!/usr/bin/env node
// Plain JavaScript on purpose: an older Node must get this sentence, not a syntax error about types.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `poeem: needs Node 22.18 or newer, got ${process.versions.node} (run it through npm or npx, which find the project's own Node; \`npm install --save-dev node@22\` puts one there)`,
  );
  process.exit(1);
}
// whoever reads our output wants no more of it, such as `head`
process.stdout.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});
const { main } = await import("../src/cli.ts");
await main(process.argv);
