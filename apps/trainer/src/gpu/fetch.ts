import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import type { Requirement } from "./requirements.ts";
import { type Ended, errorLine, run } from "./run.ts";

/** Extracts what lies under some prefixes, and keeps what may be executed so. */
const EXTRACT = `
import os, sys, zipfile
wheel, target, *wanted = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        name = member.filename
        first, *rest = name.split("/")
        asked = any(name.startswith(one) for one in wanted) if wanted else "include" not in rest
        if asked or first.endswith(".dist-info"):
            path = archive.extract(member, target)
            if (member.external_attr >> 16) & 0o111 and os.path.isfile(path):
                os.chmod(path, 0o755)
`;

/**
 * Fetches a wheel by pip, whose cache keeps it for the next time, and extracts it as Python's site-packages has it.
 * Headers are left out, unless they are named.
 * @param wanted beginnings of the paths to extract; none for all
 */
export async function fetchWheel(
  python: string,
  { name, version }: Requirement,
  tags: readonly string[],
  site: string,
  wanted: readonly string[] = [],
): Promise<void> {
  const folder = join(dirname(site), "wheel");
  await mkdir(folder, { recursive: true });
  // a wheel of libtensorflow is the same for every Python but for parts that stay in it
  const python311 = ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"];
  const shown = process.stderr.isTTY;
  const pip = ["-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input"];
  const options = ["--disable-pip-version-check", ...(shown ? [] : ["--quiet"]), "--dest", folder];
  const platforms = tags.flatMap((tag) => ["--platform", tag]);
  const args = [...pip, ...options, ...python311, ...platforms, `${name}==${version}`];
  check(await run(python, args, { shown }), `pip cannot fetch ${name} ${version}`, {
    full: "pip unpacks in the temporary folder (TMPDIR) and keeps what it fetched in its cache (PIP_CACHE_DIR)",
    other: "check the network, and pip's index (pip config list)",
  });
  const [wheel] = await readdir(folder);
  const extracted = await run(python, ["-c", EXTRACT, join(folder, wheel!), site, ...wanted]);
  check(extracted, `${name} ${version} cannot be unpacked`, UNPACKING);
  await rm(folder, { recursive: true });
}

/** Fetches packages of npm, without their dependencies and install scripts, into `node_modules` of a folder. */
export async function fetchPackages(
  { npm, python }: { readonly npm: string; readonly python: string },
  packages: readonly Requirement[],
  folder: string,
): Promise<void> {
  for (const { name, version } of packages) {
    const work = join(folder, "tarball");
    await mkdir(work, { recursive: true });
    const args = ["pack", `${name}@${version}`, "--ignore-scripts", "--loglevel=error", "--pack-destination", work];
    check(await run(npm, args), `npm cannot fetch ${name} ${version}`, {
      full: "npm keeps what it fetched in its cache (npm config get cache)",
      other: "check the network, and npm's registry (npm config get registry)",
    });
    const [tarball] = await readdir(work);
    const unpacked = await run(python, ["-m", "tarfile", "-e", join(work, tarball!), work]);
    check(unpacked, `${name} ${version} cannot be unpacked`, UNPACKING);
    const target = join(folder, "node_modules", name);
    await mkdir(dirname(target), { recursive: true });
    await rename(join(work, "package"), target);
    await rm(work, { recursive: true });
  }
}

/** Where to look when a command failed: because a disk is full, or otherwise. */
export interface Hints {
  readonly full: string;
  readonly other?: string;
}

const UNPACKING: Hints = { full: "POEEM_CACHE names another folder" };

/** @throws UserError for a command that failed */
export function check(ended: Ended, what: string, { full, other }: Hints): void {
  if (ended.code === 0) return;
  const reason = errorLine(ended);
  const hint = /no space left/i.test(reason) ? full : other;
  throw new UserError(`${what}: ${reason}${hint === undefined ? "" : `; ${hint}`}`);
}
