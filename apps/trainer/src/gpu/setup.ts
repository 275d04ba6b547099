import { mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { messageOf, UserError } from "@poeem/offline/errors";
import {
  BUILD_PATHS,
  type BuildKind,
  buildFolder,
  findBuild,
  TENSORFLOW_VERSION,
  TFJS_VERSION,
} from "@poeem/training/backend/tensorflow-builds";
import { compileBinding, HEADERS, LIBRARIES } from "./compile.ts";
import { fetchPackages, fetchWheel } from "./fetch.ts";
import { thisMachine, wheelFor } from "./platform.ts";
import { type Requirement, requirementsOf } from "./requirements.ts";
import { checkSpace } from "./space.ts";
import { findTools } from "./tools.ts";
import { tryBackend } from "./try-backend.ts";
import { inWorkFolder } from "./work-folder.ts";

/** The JavaScript half, what it imports besides TensorFlow.js, and the headers of Node. */
const PACKAGES: readonly Requirement[] = [
  { name: "@tensorflow/tfjs-node", version: TFJS_VERSION },
  { name: "google-protobuf", version: "3.21.4" },
  { name: "node-api-headers", version: "1.9.0" },
];

/** What a setup leaves, and how. */
export interface SetupFacts {
  readonly kind: BuildKind;
  readonly folder: string;
  /** Whether it was there before. */
  readonly existed: boolean;
  /** Where it was seen to compute. */
  readonly checkedOn: CheckedOn;
}

export type CheckedOn = "gpu" | "processor";

/**
 * Builds libtensorflow's backend for this machine, checks that it computes, and puts it where `useBackend` finds it:
 * complete or not at all.
 * @param checkedOn where it has to compute
 * @throws UserError for what is missing, or where what was made does not compute
 */
export async function setUp(kind: BuildKind, checkedOn: CheckedOn, say: (line: string) => void): Promise<SetupFacts> {
  const wheel = wheelFor(kind, thisMachine());
  const folder = buildFolder(kind);
  const facts = { kind, folder, checkedOn };
  if (findBuild(kind) !== undefined) {
    await checkAgain(facts);
    return { ...facts, existed: true };
  }
  const tools = await findTools();
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true }).catch((error: unknown) => {
    throw new UserError(`${parent} cannot be made: ${messageOf(error)}; POEEM_CACHE names another folder`);
  });
  await checkSpace(kind, parent);
  await inWorkFolder(parent, async (work) => {
    const made = buildFolder(kind, work);
    const site = join(made, BUILD_PATHS.site);
    say("fetching tfjs-node and what it needs to compile");
    await fetchPackages(tools, PACKAGES, made);
    say(`fetching ${wheel.name} ${TENSORFLOW_VERSION}`);
    const libraries = LIBRARIES.map((name) => `tensorflow/${name}`);
    const tensorflow = { name: wheel.name, version: TENSORFLOW_VERSION };
    await fetchWheel(tools.python, tensorflow, wheel.tags, site, [...libraries, ...HEADERS]);
    say("compiling");
    await compileBinding(tools.compiler, made);
    const cuda = kind === "cuda" ? requirementsOf(await readMetadata(site, wheel.name), "and-cuda") : [];
    for (const [i, part] of cuda.entries()) {
      say(`fetching CUDA, ${i + 1} of ${cuda.length}: ${part.name} ${part.version}`);
      await fetchWheel(tools.python, part, wheel.tags, site);
    }
    await rm(join(made, BUILD_PATHS.libraries, "include"), { recursive: true });
    await rm(join(made, "node_modules/node-api-headers"), { recursive: true });
    say("checking what was made");
    await check(checkedOn, work, "nothing was kept");
    await writeFile(
      join(made, "build.json"),
      `${JSON.stringify({ kind, parts: [tensorflow, ...PACKAGES, ...cuda] })}\n`,
    );
    await place(made, folder);
  });
  return { ...facts, existed: false };
}

/** The wheel's name for itself has an underscore. */
function readMetadata(site: string, name: string): Promise<string> {
  const info = `${name.replaceAll("-", "_")}-${TENSORFLOW_VERSION}.dist-info`;
  return readFile(join(site, info, "METADATA"), "utf8");
}

async function check(on: CheckedOn, builds: string, remedy: string): Promise<void> {
  const trial = await tryBackend(on === "gpu" ? "node-gpu" : "node", { POEEM_CACHE: builds });
  if (!trial.works)
    throw new UserError(`libtensorflow was built, and does not compute here: ${trial.reason}; ${remedy}`);
}

/** Alone in a folder, as another kind of build may lie beside it. */
function checkAgain({ kind, folder, checkedOn }: Omit<SetupFacts, "existed">): Promise<void> {
  return inWorkFolder(dirname(folder), async (work) => {
    await symlink(folder, buildFolder(kind, work));
    await check(checkedOn, work, "poeem gpu remove, and poeem gpu setup once more");
  });
}

async function place(made: string, folder: string): Promise<void> {
  try {
    await rename(made, folder);
  } catch (error) {
    // another setup was first
    if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
