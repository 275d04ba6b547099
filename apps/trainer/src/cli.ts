import { messageOf, UserError } from "@poeem/offline/errors";
import { InputError } from "@poeem/pq-core";
import { BACKENDS } from "@poeem/training/backend/backend";
import { stopWebGpu } from "@poeem/training/backend/webgpu";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";

const integer =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`expected an integer of at least ${least}, got ${text}.`);
    return value;
  };

/** What all commands take that look into a store. */
const storeOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--to <where>",
        "local: wrangler's KV on this machine; remote: Cloudflare's, with CLOUDFLARE_API_TOKEN",
      )
        .choices(["local", "remote"])
        .makeOptionMandatory(),
    )
    .option("--worker <dir>", "folder of the Worker, with its wrangler.jsonc", "apps/edge")
    .option("--persist <dir>", "local KV folder (default: .wrangler/state in the Worker's folder)")
    .option("--account-id <id>", "remote: default CLOUDFLARE_ACCOUNT_ID, else that of wrangler.jsonc")
    .option("--namespace-id <id>", "remote: KV namespace (default: that of INDEX in wrangler.jsonc)")
    .option("--json", "print one JSON object on stdout");

/** As in `--context device=phone --context country=ch`. */
const contextPair = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`expected name=value, got ${text}.`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
};

const backend = (): Option =>
  new Option("--backend <name>", "where TensorFlow.js computes").choices(["auto", ...BACKENDS]).default("auto");
const data = ["--data <dir>", "folder of the SQL's files (default: that of the config, and data in it)"] as const;
const strict = ["--strict", "events of unknown items are an error"] as const;
const index = ["--index <dir>", "index folder that `poeem train` wrote"] as const;
const delta = ["--delta <dir>", "changes to the index, which `poeem encode` wrote"] as const;

/** The `poeem` command. Commands load what they need when they run, so that `--help` and errors come at once. */
export function program(): Command {
  const root = new Command("poeem")
    .description(
      "Train a two-tower retrieval model together with its product-quantization index, and publish it to the edge.",
    )
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(`poeem: ${text.replace(/^error: /, "")}`) });

  root
    .command("train")
    .description("data → joint training → index folder")
    .requiredOption("--config <file>", "poeem.config.ts")
    .option(...data)
    .option(...strict)
    .option("--out <dir>", "index folder to write (default: dist/index beside the config)")
    .addOption(backend())
    .option("--seed <n>", "overrides training.seed", integer(0))
    .option("--resume", "go on from the last checkpoint of a training that was stopped")
    .option("--checkpoint-every <seconds>", "least time between two checkpoints; 0 for one a step", integer(0), 60)
    .option("--json", "print one JSON object on stdout")
    .action(async (options) => (await import("./commands/train.ts")).train(options));

  root
    .command("evaluate")
    .description("held-out queries: dense brute force, the index at several nprobe, baselines")
    .requiredOption("--config <file>", "poeem.config.ts the index was trained with")
    .requiredOption(...index)
    .option(...data)
    .option("--queries <n>", "at most this many held-out queries, spread evenly", integer(1), 6000)
    .option("--all", "every held-out query")
    .option(
      "--nprobe <n...>",
      "cells to visit, a row each (default: powers of two up to all of them)",
      (text: string, before: number[] | undefined) => [...(before ?? []), integer(1)(text)],
    )
    .option(
      "--afterwards [bytes...]",
      "also IVF+PQ and IVF+OPQ made from the dense vectors, at these bytes an item (default: those of the index)",
      (bytes: string, before: number[] | undefined) => [...(before ?? []), integer(1)(bytes)],
    )
    .option("--report", "draw report.html in the index folder anew, with these figures")
    .addOption(backend())
    .option("--json", "print one JSON object on stdout")
    .action(async (options) => (await import("./commands/evaluate.ts")).evaluate(options));

  root
    .command("search")
    .description("ask an index folder, without a server")
    .requiredOption(...index)
    .option(...delta)
    .option("-q, --query <text>", "query text")
    .option("--history <ids>", "ids of items, oldest first, separated by commas")
    .option("--context <name=value>", "a feature of the moment; once for each", contextPair)
    .option("--vectors <file>", "query vectors: little-endian float32, one after the other")
    .option("--heads <n>", "vectors a query, with --vectors", integer(1), 1)
    .option("--k <n>", "results", integer(1), 10)
    .option("--nprobe <n>", "cells visited", integer(1))
    .option("--json", "print one JSON object on stdout")
    .action(async (options) => (await import("./commands/search.ts")).search(options));

  storeOptions(root.command("publish"))
    .description("write an index into Workers KV: chunks first, pointer last")
    .requiredOption(...index)
    .option(...delta)
    .option("--name <name>", "which index this becomes the serving version of", "current")
    .option("--dry-run", "print what would be written, and write nothing")
    .action(async (options) => (await import("./commands/publish.ts")).publish(options));

  storeOptions(root.command("versions"))
    .description("published versions, and which one serves")
    .option("--name <name>", "only this index (default: all)")
    .action(async (options) => (await import("./commands/versions.ts")).versions(options));

  storeOptions(root.command("rollback"))
    .description("make an earlier version serve again, once all of it was read and found intact")
    .option("--name <name>", "which index", "current")
    .option("--to-version <version>", "which version (default: the one published before the serving one)")
    .action(async (options) => (await import("./commands/rollback.ts")).rollback(options));

  storeOptions(root.command("prune"))
    .description("delete chunks that no kept version of any index uses")
    .option(
      "--keep <n>",
      "versions of each index to keep, beside the serving one and those of the last hour",
      integer(2),
      2,
    )
    .option("--dry-run", "print what would be deleted, and delete nothing")
    .action(async (options) => (await import("./commands/prune.ts")).prune(options));

  root
    .command("encode")
    .description("add, update and remove items of a trained index, without training")
    .requiredOption(...index)
    .option("--delta <dir>", "changes made before, which these are added to")
    .option(
      "--items <file>",
      "new and changed items, with the columns that the index was trained with: CSV, JSON or Parquet",
    )
    .option(
      "--vectors <file>",
      "their vectors instead of the item tower's: little-endian float32, in the order of the items",
    )
    .option(
      "--ids <ids>",
      "with --vectors, of an index without fields and filters: a file with an id a line, or ids with commas",
    )
    .option("--remove <ids>", "items to remove: a file with an id a line, or ids with commas")
    .requiredOption("--out <dir>", "folder of changes to write")
    .option("--json", "print one JSON object on stdout")
    .action(async (options) => (await import("./commands/encode.ts")).encodeItems(options));

  root
    .command("compact")
    .description("fold changes into an index of its own, as if it had been written anew")
    .requiredOption(...index)
    .option(...delta)
    .requiredOption("--out <dir>", "index folder to write")
    .option("--json", "print one JSON object on stdout")
    .action(async (options) => (await import("./commands/compact.ts")).compact(options));

  root
    .command("inspect")
    .description("what an index folder holds, or one file: a manifest, a chunk, a checkpoint, a query tower")
    .argument("<path>", "index folder or file")
    .option(...delta)
    .option("--json", "print one JSON object on stdout")
    .action(async (directory, options) => (await import("./commands/inspect.ts")).inspect(directory, options));

  root
    .command("import")
    .description("make an index folder from another library's index file")
    .argument("<file>", "index file")
    .addOption(
      new Option("--from <format>", "poeem: the original Poeem library").choices(["poeem"]).makeOptionMandatory(),
    )
    .requiredOption("--out <dir>", "index folder to write")
    .addOption(
      new Option("--metric <metric>", "how it is searched; the file does not say")
        .choices(["innerProduct", "cosine", "l2"])
        .default("innerProduct"),
    )
    .option("--json", "print one JSON object on stdout")
    .action(async (file, options) => (await import("./commands/import.ts")).importIndex(file, options));

  root
    .command("export")
    .description("write an index for another library")
    .argument("<file>", "file to write")
    .requiredOption(...index)
    .addOption(
      new Option("--to <format>", "faiss: IndexPreTransform + IndexIVFPQ").choices(["faiss"]).makeOptionMandatory(),
    )
    .option("--json", "print one JSON object on stdout")
    .action(async (file, options) => (await import("./commands/export.ts")).exportIndex(file, options));
  return root;
}

/** Runs the command line. A mistake of the user's is one line on stderr and exit code 1; anything else shows its stack. */
export async function main(argv: string[]): Promise<void> {
  try {
    await program().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else {
      process.exitCode = error instanceof UserError ? error.exitCode : 1;
      const expected =
        error instanceof UserError ||
        error instanceof InputError ||
        /^\[(pq-core|towers|indexing-layer)\] /.test(messageOf(error));
      process.stderr.write(
        expected || !(error instanceof Error) ? `poeem: ${messageOf(error)}\n` : `poeem: ${error.stack}\n`,
      );
    }
  } finally {
    stopWebGpu();
  }
}
