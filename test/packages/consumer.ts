/** A folder outside of the repository, in which nothing is installed but the tarballs of `npm run pack`. */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { run } from "../../scripts/pack/run.ts";
import { ROOT } from "../run.ts";

/** What npm says when it finds neither a registry nor a copy of what it needs. */
const UNREACHABLE = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT/;

/** No setting of the npm that runs these tests, and no program of this repository, but Node. */
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_PATH$/i.test(name))),
  PATH: [
    dirname(process.execPath),
    ...process.env["PATH"]!.split(delimiter).filter((folder) => !folder.startsWith(ROOT)),
  ].join(delimiter),
  WRANGLER_SEND_METRICS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  DO_NOT_TRACK: "1",
  CI: "true",
};

export class Consumer {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * Packs, checks and installs.
   * @returns why it cannot be done, where npm reaches no registry and this is not CI
   */
  static async install(): Promise<Consumer | string> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "poeem-packages-")));
    const consumer = new Consumer(folder);
    try {
      const tarballs = join(folder, "tarballs");
      await run(process.execPath, [join(ROOT, "scripts/pack.ts"), "--check", "--out", tarballs], ROOT, environment);
      writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
      cpSync(join(import.meta.dirname, "consumer"), folder, { recursive: true });
      const packed = readdirSync(tarballs).map((file) => join(tarballs, file));
      await consumer.run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", ...packed]);
      return consumer;
    } catch (error) {
      consumer.remove();
      const message = error instanceof Error ? error.message : String(error);
      const [code] = UNREACHABLE.exec(message) ?? [];
      if (code === undefined) throw error;
      const reason = `npm reaches no registry for what the packages depend on (${code})`;
      if (process.env["CI"]) throw new Error(`${reason}:\n${message}`);
      return reason;
    }
  }

  /** @returns stdout; throws with all output when the command fails */
  run(command: string, args: readonly string[], cwd = this.folder): Promise<string> {
    return run(command, args, resolve(this.folder, cwd), environment);
  }

  /** Starts a program and waits for the first address that it prints. */
  async serve(args: readonly string[], cwd: string): Promise<{ address: string; stop(): Promise<void> }> {
    const child = spawn("npx", args, {
      cwd: resolve(this.folder, cwd),
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a group of its own, because npx hands no signal on
    });
    let output = "";
    const address = await new Promise<string>((done, fail) => {
      child.on("error", fail);
      child.on("exit", (code) => fail(new Error(`${args.join(" ")} ended with ${code}:\n${output}`)));
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (data) => {
          output += data;
          const [found] = /http:\/\/[\w.:[\]]+/.exec(output) ?? [];
          if (found !== undefined) done(found);
        });
    });
    const stop = (): Promise<void> =>
      new Promise((done) => {
        child.once("close", () => done());
        process.kill(-child.pid!, "SIGTERM");
      });
    return { address, stop };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
