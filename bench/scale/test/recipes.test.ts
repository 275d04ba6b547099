import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { program } from "../../../apps/trainer/src/cli.ts";

const FOLDER = join(import.meta.dirname, "../../../examples/scale");
const read = (name: string): string => readFileSync(join(FOLDER, name), "utf8");

interface Job {
  readonly spec: {
    readonly completionMode: string;
    readonly completions: number;
    readonly parallelism: number;
    readonly template: { readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] } };
  };
}

interface Batch {
  readonly jobDefinition: { readonly containerProperties: { readonly command: readonly string[] } };
  readonly arrayJob: { readonly arrayProperties: { readonly size: number } };
}

/** The options that a command has, and whether each takes a value. */
function optionsOf(command: string): Map<string, boolean> {
  const known = program().commands.find((one) => one.name() === command);
  return new Map(known?.options.map(({ long, required, optional }) => [long ?? "", required || optional]));
}

function expectCommand([command = "", ...args]: readonly string[]): void {
  const options = optionsOf(command);
  for (const [i, arg] of args.entries()) {
    if (!arg.startsWith("--")) continue;
    expect(options.keys(), arg).toContain(arg);
    expect(args[i + 1] !== undefined && !args[i + 1]!.startsWith("--"), arg).toBe(options.get(arg));
  }
}

const valueGiven = (args: readonly string[], option: string): string | undefined => args[args.indexOf(option) + 1];

it("has a Kubernetes Job of as many parts as the command is told", () => {
  const { spec } = parse(read("kubernetes-job.yaml")) as Job;
  const [{ args }] = spec.template.spec.containers as [{ args: readonly string[] }];
  expectCommand(args);
  expect(spec.completionMode).toBe("Indexed");
  expect(valueGiven(args, "--shards")).toBe(String(spec.completions));
  expect(spec.parallelism).toBeLessThanOrEqual(spec.completions);
});

it("has an array job of AWS Batch of as many parts as the command is told", () => {
  const { jobDefinition, arrayJob } = JSON.parse(read("aws-batch.json")) as Batch;
  const { command } = jobDefinition.containerProperties;
  expectCommand(command);
  expect(valueGiven(command, "--shards")).toBe(String(arrayJob.arrayProperties.size));
});

it("gives the command no option that it does not have", () => {
  const encode = optionsOf("encode-shard");
  for (const name of ["spark_encode.py", "ray_encode.py"]) {
    const lines = read(name).match(/^ *command \+?= .*$/gm) ?? [];
    const given = lines.flatMap((line) => Array.from(line.matchAll(/"(--[\w-]+)"/g), ([, option]) => option!));
    expect(given.toSorted(), name).toEqual(["--index", "--items", "--json", "--out", "--shard"]);
    for (const option of given) expect(encode.keys(), `${name} ${option}`).toContain(option);
  }
  const commands = read("README.md").matchAll(/^npx poeem (?<command>\S+) (?<rest>[^#\n]*)/gm);
  for (const { groups } of commands)
    for (const [option] of groups!["rest"]!.matchAll(/--[\w-]+/g))
      expect(optionsOf(groups!["command"]!).keys(), option).toContain(option);
});

it("names in its README every file that is there", () => {
  const text = read("README.md");
  for (const name of readdirSync(FOLDER).filter((name) => name !== "README.md")) expect(text).toContain(name);
});
