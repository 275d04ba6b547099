import { messageOf, UserError } from "@poeem/offline/errors";
import { FormatError, InputError, QUOTED, unescapeTerm } from "@poeem/pq-core";
import { MODES } from "@poeem/pq-core/words";
import { STORES } from "@poeem/publish/stores";
import { BACKENDS } from "@poeem/training/backend/names";
import { stopWebGpu } from "@poeem/training/backend/webgpu-process";
import { type GivenIds, idsHelp } from "@poeem/training/encode/read-ids";
import { MAX_CUTOFF } from "@poeem/training/rank/metrics";
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from "commander";
import packageJson from "../package.json" with { type: "json" };

const integer =
  (least: number, most = Infinity) =>
  (text: string): number => {
    const value = Number(text);
    const range = most === Infinity ? `at least ${least}` : `${least} to ${most}`;
    if (!Number.isInteger(value) || value < least || value > most || text.trim() === "")
      throw new InvalidArgumentError(`expected an integer of ${range}, got ${text.trim() === "" ? "nothing" : text}.`);
    return value;
  };

/** A whole number of at least 1, or what `all` stands for. */
const countOr =
  <All>(all: All) =>
  (text: string): number | All => {
    if (text === "all") return all;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && text.trim() !== "") return value;
    throw new InvalidArgumentError(`expected an integer of at least 1, or all, got ${text.trim() || "nothing"}.`);
  };

const share = (text: string): number => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError(`expected a number from 0 to 1, got ${text}.`);
  return value;
};

/** As in "10,20,50", or one by one. */
const cutoffs = (text: string, before: number[] = []): number[] => [
  ...before,
  ...text.split(",").map(integer(1, MAX_CUTOFF)),
];

/** What all commands take that look into a store: `--to`, and the options of each store. */
const storeOptions = (command: Command): Command => {
  const stores = Object.entries(STORES);
  const about = stores.map(([name, store]) => `${name}: ${store.about}`).join("; ");
  command.addOption(new Option("--to <where>", about).choices(stores.map(([name]) => name)).makeOptionMandatory());
  const options = new Map(stores.flatMap(([, store]) => store.options.map((option) => [option[0], option])));
  for (const [flag, help, fallback] of options.values()) command.option(flag, help, fallback);
  return command.option(...json);
};

const PAIR = new RegExp(`^(?:"(?<quoted>${QUOTED})"|(?<bare>[^=]+))=(?<value>.*)$`, "s");

/** As in `--context device=phone --context country=ch`; a name with a = in it stands in quotes. */
const contextPair = (text: string, before: Record<string, string> = {}): Record<string, string> => {
  const { quoted, bare, value } = PAIR.exec(text)?.groups ?? {};
  if (value === undefined) throw new InvalidArgumentError(`expected name=value, got ${text}.`);
  return { ...before, [quoted === undefined ? bare! : unescapeTerm(quoted)]: value };
};

const repeated = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** Collects what `readIds` reads. */
const givenIds = (text: string, before?: GivenIds): GivenIds => ({ values: [...(before?.values ?? []), text] });
/** Options that take ids. */
const ID_OPTIONS = ["--history", "--exclude", "--ids", "--remove"];
const idsArgument = ["[ids...]", "after an option for ids and --: its ids, each as it stands"] as const;

/** Another `--` behind that of `--remove -- a,b`: the first is the option's value, so the rest are no options. */
function keepDashes(argv: readonly string[]): string[] {
  const at = argv.indexOf("--");
  return ID_OPTIONS.includes(argv[at - 1] ?? "") ? argv.toSpliced(at, 0, "--") : [...argv];
}

/** Gives the arguments after `--` to the option before it. */
function takeIds<T extends object>(ids: readonly string[], options: T): T {
  if (ids.length === 0) return options;
  const given = Object.entries(options) as [string, Partial<GivenIds> | undefined][];
  const taker = given.find(([name, value]) => ID_OPTIONS.includes(`--${name}`) && value?.values?.includes("--"));
  if (taker === undefined) throw new UserError(`expected no argument but options, got ${ids[0]}`);
  const values = taker[1]!.values!.filter((value) => value !== "--");
  return { ...options, [taker[0]]: { values, exact: ids } };
}

const backend = (): Option =>
  new Option("--backend <name>", "where TensorFlow.js computes").choices(["auto", ...BACKENDS]).default("auto");
const json = ["--json", "print one JSON object to stdout"] as const;
const data = [
  "--data <dir>",
  "folder for file names in the SQL (default: the config's folder, then data in it)",
] as const;
const strict = ["--strict", "fail on events that name unknown items"] as const;
const index = ["--index <dir>", "index folder written by `poeem train`"] as const;
const delta = ["--delta <dir>", "changes to the index, written by `poeem encode`"] as const;

const SHARD_HELP = `
With --shards, JOB_COMPLETION_INDEX (Kubernetes), AWS_BATCH_JOB_ARRAY_INDEX or CLOUD_RUN_TASK_INDEX says which part
it is, from 0; Cloud Run says N as well. With at least N files, part I is files I, I + N, … by name; with fewer, or
with --query, every task reads all and keeps the rows whose id has a hash of its own. The same input gives the same
bytes: a task that failed is run again.`;

/** The `poeem` command. Commands load what they need when they run, so that `--help` and errors come at once. */
export function program(): Command {
  const root = new Command("poeem")
    .description(
      "Train a two-tower retrieval model and its product-quantization index together, and publish them to the edge.",
    )
    .version(packageJson.version)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ outputError: (text, write) => write(`poeem: ${text.replace(/^error: /, "")}`) });

  root
    .command("init")
    .description("write a folder with a search of your own: configuration, sample data, Worker, page, workflow")
    .argument("[directory]", "a new folder, or an empty one; nothing is ever overwritten", ".")
    .option("--name <name>", "name of the package and the Worker (default: that of the folder)")
    .option("--no-sample", "leave out the data of the made-up shop")
    .addOption(new Option("--sample", "with it, as if nothing is said").default(true).hideHelp())
    .option("--packages <dir>", "install from the tarballs that `npm run pack` wrote there, instead of the registry")
    .action(async (directory, options) => (await import("./commands/init.ts")).init(directory, options));

  root
    .command("train")
    .description("train the model and its index together; writes an index folder")
    .requiredOption("--config <file>", "poeem.config.ts")
    .option(...data)
    .option(...strict)
    .option("--out <dir>", "index folder to write (default: dist/index beside the config)")
    .addOption(backend())
    .option("--seed <n>", "override training.seed", integer(0))
    .option("--resume", "resume an interrupted run from its last checkpoint")
    .option("--checkpoint-every <seconds>", "least time between checkpoints; 0 for one per step", integer(0), 60)
    .option(...json)
    .action(async (options) => (await import("./commands/train.ts")).train(options));

  root
    .command("evaluate")
    .description("measure recall on held-out queries: exact search, the index by codes, words and both, baselines")
    .requiredOption("--config <file>", "the poeem.config.ts that the index was trained with")
    .requiredOption(...index)
    .option(...data)
    .option("--queries <n>", "use at most this many held-out queries, evenly spread", integer(1), 6000)
    .option("--all", "use every held-out query")
    .option(
      "--nprobe <n...>",
      "cells to visit, one row each (default: powers of two up to all that hold items)",
      (text: string, before: number[] | undefined) => [...(before ?? []), integer(1)(text)],
    )
    .option("--cutoffs <n...>", "places at which to cut the rankings, for example: 10,20,50", cutoffs)
    .option("--no-dense", "leave out dense brute force; model/item-vectors.f32 is not needed then")
    .option(
      "--afterwards [bytes...]",
      "also build IVF+PQ and IVF+OPQ from the dense vectors, at these bytes per item (default: those of the index)",
      (bytes: string, before: number[] | undefined) => [...(before ?? []), integer(1)(bytes)],
    )
    .option("--report", "redraw report.html in the index folder with these figures")
    .addOption(backend())
    .option(...json)
    .action(async (options) => (await import("./commands/evaluate.ts")).evaluate(options));

  const gpu = root.command("gpu").description("build the libtensorflow backends for this machine, and see what works");
  gpu
    .command("setup")
    .description("link PyPI's libtensorflow to Node; needs pip, a C++ compiler and a network, once (docs/backends.md)")
    .option("--cuda", "for NVIDIA cards, by CUDA 12: --backend node-gpu (default where there is an NVIDIA driver)")
    .option("--cpu", "for the processor: --backend node")
    .option(...json)
    .action(async (options) => (await import("./commands/gpu.ts")).setup(options));
  gpu
    .command("check")
    .description("start every backend, and say which cards and backends work, or why not")
    .option(...json)
    .action(async (options) => (await import("./commands/gpu.ts")).check(options));
  gpu
    .command("remove")
    .description("delete what `poeem gpu setup` made")
    .action(async () => (await import("./commands/gpu.ts")).remove());
  gpu
    .command("try", { hidden: true })
    .addArgument(new Argument("<backend>").choices(BACKENDS))
    .action(async (backend) => (await import("./commands/gpu.ts")).tryOne(backend));

  root
    .command("config")
    .description("print what a poeem.config.ts may say: every key, its values, its default and what it does")
    .argument("[key]", "only this key or section, for example: index, model.history, training.epochs")
    .action(async (key) => (await import("./commands/config.ts")).config(key));

  root
    .command("search")
    .description("search an index folder, without a server")
    .requiredOption(...index)
    .option(...delta)
    .option(
      "-q, --query <text>",
      'query text; "quoted words" are required, and -words excluded, if the index has words',
    )
    .argument(...idsArgument)
    .option("--history <ids>", "ids of items, oldest first (see below)", givenIds)
    .option("--like <id>", "id of an item: finds those nearest to it, without itself")
    .option("--context <name=value>", "a context feature; repeat for more", contextPair)
    .option(
      "--embedding <[name=]vector>",
      "a vector made by the encoder that the index was trained with: numbers, or a file of them; repeat for columns",
      repeated,
    )
    .option("--vectors <file>", "a query's vector of the index's dim, or its vectors: little-endian float32")
    .option("--heads <n>", "vectors per query, with --vectors", integer(1), 1)
    .option("--queries <n>", "queries in --vectors, or all for as many as there are", countOr(Infinity), 1)
    .option("--k <n>", "number of results", integer(1), 10)
    .option("--nprobe <n>", "number of cells to visit, or all", countOr("all" as const))
    .addOption(
      new Option(
        "--mode <mode>",
        "rank by words and codes, by codes, or by words; default: hybrid for a text, if the index has words",
      ).choices(MODES),
    )
    .option("--filter <expression>", 'only items that match, for example: kind:emoji AND NOT "page type":home')
    .option("--exclude <ids>", "ids of items that must not be returned; unknown ones count for nothing", givenIds)
    .option(...json)
    .addHelpText("after", idsHelp("--history"))
    .action(async (ids, options) => (await import("./commands/search.ts")).search(takeIds(ids, options)));

  root
    .command("serve")
    .description("answer searches from an index folder over HTTP, as the Worker does, with its page")
    .requiredOption(...index)
    .option(...delta)
    .option("--port <n>", "port to listen on; 0 for any that is free", integer(0, 65_535), 8788)
    .option("--host <host>", "name or address to listen on; 0.0.0.0 for all of this machine", "localhost")
    .option("--page <file>", "page.json: what the page shows and how (default: what the index has)")
    .option("--encoder <url>", "who embeds texts, if the index reads embeddings: an OpenAI-compatible API, up to /v1")
    .option("--encoder-model <name>", "what it calls the model (default: as the index does)")
    .option("--encoder-key <variable>", "environment variable with the key for it (default: it needs none)")
    .addHelpText(
      "after",
      "\nA version that is written into the folder is taken over within seconds. CORS_ORIGINS, SEARCH_TOKENS,\n" +
        "INDEXES, LIMITS, LOG and CANARY_SHARE in the environment mean the same as for the Worker. RATE_LIMIT is a\n" +
        "number: requests a minute of each address and token. Behind TRUSTED_PROXIES, a number, addresses are those\n" +
        "that the outermost of these proxies puts into X-Forwarded-For.",
    )
    .action(async (options) => (await import("./commands/serve.ts")).serve(options));

  root
    .command("page")
    .description("write the files of a search page, for the assets of a Worker or any server of files")
    .option("--config <file>", "page.json: what the page shows and how (default: what the index has)")
    .requiredOption("--out <dir>", "folder to write")
    .option("--index <dir>", "index folder: say what page.json names and it lacks (default: dist/index beside it)")
    .option(...json)
    .action(async (options) => (await import("./commands/page.ts")).page(options));

  storeOptions(root.command("publish"))
    .description("upload an index: chunks first, then the pointer that makes it serve")
    .requiredOption(...index)
    .option(...delta)
    .option("--name <name>", "name of the index to publish to", "current")
    .option(
      "--max-loss <share>",
      "refuse when recall@10, by `evaluate --report`, is below the serving version's by more, for example: 0.05",
      share,
    )
    .option("--dry-run", "print what would be written without writing it")
    .action(async (options) => (await import("./commands/publish.ts")).publish(options));

  storeOptions(root.command("versions"))
    .description("list published versions and the one that serves")
    .option("--name <name>", "list only this index (default: all)")
    .action(async (options) => (await import("./commands/versions.ts")).versions(options));

  storeOptions(root.command("rollback"))
    .description("make an earlier version serve again, after checking every chunk of it")
    .option("--name <name>", "name of the index", "current")
    .option("--to-version <version>", "version to serve (default: the one published before the serving one)")
    .action(async (options) => (await import("./commands/rollback.ts")).rollback(options));

  storeOptions(root.command("prune"))
    .description("delete old versions, and chunks that no remaining version uses")
    .option(
      "--keep <n>",
      "versions to keep of each index, besides the serving one and those of the last hour",
      integer(2),
      2,
    )
    .option("--dry-run", "print what would be deleted without deleting it")
    .action(async (options) => (await import("./commands/prune.ts")).prune(options));

  root
    .command("encode")
    .description("add, update and remove items without retraining")
    .requiredOption(...index)
    .option("--delta <dir>", "earlier changes to build on")
    .option("--items <file>", "new and changed items, with the columns used in training: CSV, JSON or Parquet")
    .option(
      "--vectors <file>",
      "their vectors, instead of the item tower's: little-endian float32, in the order of the items",
    )
    .option("--ids <ids>", "with --vectors, for an index without fields and filters: their ids (see below)", givenIds)
    .option("--remove <ids>", "ids of items to remove (see below)", givenIds)
    .requiredOption("--out <dir>", "folder to write the changes to")
    .argument(...idsArgument)
    .option(...json)
    .addHelpText("after", idsHelp("--remove"))
    .action(async (ids, options) => (await import("./commands/encode.ts")).encodeItems(takeIds(ids, options)));

  root
    .command("encode-shard")
    .description("encode a part of a catalogue into one Parquet file, as one of many tasks")
    .requiredOption(...index)
    .option("--items <files...>", "files, patterns and addresses (s3://, r2://, https://): CSV, JSON or Parquet")
    .option("--query <sql>", "SQL that gives the items, instead of --items")
    .requiredOption("--out <path>", "file that ends in .parquet, or folder for shard-00003-of-00016.parquet")
    .option("--share <I/N>", "encode part I of the input, cut into N parts and counted from 0: 3/16")
    .option("--shards <n>", "the same of N parts; which one, the environment says (see below)", integer(1))
    .option("--shard <I/N>", "the input is part I of N already, counted from 0; encode all of it")
    .option("--setup <sql>", "SQL that DuckDB runs first (secrets, LOAD, ATTACH), or a file of it that ends in .sql")
    .addOption(
      new Option("--memory-limit <size>", "memory that DuckDB may take, for example: 2GB (default: as in training)"),
    )
    .option("--skip-unknown", "leave out items of which the item tower knows nothing, instead of refusing them")
    .option(...json)
    .addHelpText("after", SHARD_HELP)
    .action(async (options) => (await import("./commands/encode-shard.ts")).encodeOneShard(options));

  root
    .command("assemble")
    .description("put the shards of `encode-shard` together into an index folder")
    .requiredOption(...index)
    .requiredOption("--shards <files...>", "files, folders, patterns and addresses (s3://, r2://) of all shards")
    .requiredOption("--out <dir>", "index folder to write")
    .option("--resume", "go on where an earlier run of the same shards was stopped")
    .option("--setup <sql>", "SQL that DuckDB runs first (secrets, LOAD, ATTACH), or a file of it that ends in .sql")
    .option("--memory-limit <size>", "memory that DuckDB may take, beside about 1 GB of our own", "768MB")
    .option(...json)
    .action(async (options) => (await import("./commands/assemble.ts")).assembleShards(options));

  root
    .command("compact")
    .description("merge changes into the index; writes a new index folder")
    .requiredOption(...index)
    .option(...delta)
    .requiredOption("--out <dir>", "index folder to write")
    .option(...json)
    .action(async (options) => (await import("./commands/compact.ts")).compact(options));

  root
    .command("inspect")
    .description("describe an index folder, or one file: a manifest, chunk, checkpoint or query tower")
    .argument("<path>", "index folder or file")
    .option(...delta)
    .option(...json)
    .action(async (directory, options) => (await import("./commands/inspect.ts")).inspect(directory, options));

  root
    .command("import")
    .description("convert another library's index file to an index folder")
    .argument("<file>", "index file")
    .addOption(
      new Option("--from <format>", "poeem: the original Poeem library, 0.9 to 1.2.2")
        .choices(["poeem"])
        .makeOptionMandatory(),
    )
    .requiredOption("--out <dir>", "index folder to write")
    .addOption(
      new Option("--metric <metric>", "how scores are computed; the file does not say")
        .choices(["innerProduct", "cosine", "l2"])
        .default("innerProduct"),
    )
    .option("--items <file>", "CSV, JSON or Parquet with a row for each item, to be returned and filtered by")
    .option("--id <column>", "column of --items with the ids", "id")
    .option("--title <column>", "column with the name of a result (default: title, if there is one)")
    .option("--fields <columns>", "columns to return with a result; names with commas, or repeat", repeated)
    .option("--facets <columns>", "columns to filter by value; likewise", repeated)
    .option("--numbers <columns>", "columns to filter by range; likewise", repeated)
    .option(...json)
    .action(async (file, options) => (await import("./commands/import.ts")).importIndex(file, options));

  root
    .command("export")
    .description("convert an index folder to another library's file")
    .argument("<file>", "file to write")
    .requiredOption(...index)
    .addOption(
      new Option("--to <format>", "faiss: IndexPreTransform + IndexIVFPQ").choices(["faiss"]).makeOptionMandatory(),
    )
    .option(...json)
    .action(async (file, options) => (await import("./commands/export.ts")).exportIndex(file, options));
  return root;
}

/** Runs the command line. What the caller can mend is one line and exit code 1; a defect shows its stack. */
export async function main(argv: string[]): Promise<void> {
  const root = program();
  try {
    await root.parseAsync(keepDashes(argv));
  } catch (error) {
    process.exitCode = error instanceof CommanderError || error instanceof UserError ? error.exitCode : 1;
    if (!(error instanceof CommanderError)) process.stderr.write(`poeem: ${explain(error, root)}\n`);
  } finally {
    stopWebGpu();
  }
}

/** Options that a question knows by another name than the command. */
const OPTION_OF: Readonly<Record<string, string>> = { text: "query", vector: "vectors" };

function explain(error: unknown, root: Command): string {
  if (error instanceof InputError) {
    // as in "context.device"
    const [name = "", member] = error.parameter.split(/\.(.*)/s);
    const flag = `--${OPTION_OF[name] ?? name}`;
    const command = root.commands.find((one) => one.name() === root.args[0]);
    if (command?.options.some(({ long }) => long === flag))
      return `${flag}${member ? ` ${member}` : ""}: ${error.detail}`;
  }
  const missing = /^Cannot find package '([^']+)'/.exec(messageOf(error))?.[1];
  if (missing !== undefined && (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND")
    return `the package ${missing} is not installed: npm install`;
  const isExpected = [UserError, InputError, FormatError].some((kind) => error instanceof kind);
  return isExpected || !(error instanceof Error) ? messageOf(error) : (error.stack ?? messageOf(error));
}
