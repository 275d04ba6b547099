/**
 * `npm run train` of an example whose data must be fetched first: trains when the files are there, and says how to get
 * them when they are not. It then exits with 0, so that `npx turbo run train` trains what it can on a fresh clone.
 *
 *     node ../../scripts/train-example.ts FILE… -- ARGUMENTS OF poeem train
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const [files, train] = split(process.argv.slice(2));
const given = dataFolder(train);
const folder = given ?? "data";
const missing = files.filter((file) => !existsSync(join(folder, file)) && !existsSync(join(folder, `${file}.gz`)));
if (missing.length > 0 && given === undefined) {
  process.stdout.write(
    `${basename(resolve())}: skipped, there is no ${missing.join(", ")} in ${resolve(folder)}. ` +
      "README.md says how to fetch it; `-- --data DIR` reads it from another folder\n",
  );
} else {
  const poeem = resolve(import.meta.dirname, "../apps/trainer/bin/poeem.js");
  const { status } = spawnSync(process.execPath, [poeem, "train", ...train], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

function split(args: string[]): [string[], string[]] {
  const at = args.indexOf("--");
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

/** The folder after --data, the last one where it is given twice. */
function dataFolder(args: string[]): string | undefined {
  const at = args.findLastIndex((arg) => arg === "--data" || arg.startsWith("--data="));
  if (at < 0) return undefined;
  return args[at] === "--data" ? (args[at + 1] ?? "") : args[at]!.slice("--data=".length);
}
