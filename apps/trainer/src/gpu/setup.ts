import { readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import {
  BUILD_PATHS,
  type BuildKind,
  buildFolder,
  findBuild,
  LIBRARIES,
  missingPart,
  TENSORFLOW_VERSION,
  TFJS_VERSION,
} from "@poeem/training/backend/tensorflow-builds";
import { compileBinding, HEADERS } from "./compile.ts";
import { fetchPackages, fetchWheel } from "./fetch.ts";
import { place } from "./place.ts";
import { thisMachine, wheelFor } from "./platform.ts";
import { type Requirement, requirementsOf } from "./requirements.ts";
import { checkSpace } from "./space.ts";
import { findTools } from "./tools.ts";
import { type Trial, tryBackend } from "./try-backend.ts";
import { inTemporaryFolder, inWorkFolder } from "./work-folder.ts";

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
    const missing = missingPart(kind, folder);
    if (missing === undefined) {
      await checkAgain(facts);
      return { ...facts, existed: true };
    }
    say(`the build in ${folder} has no ${missing}: a new one replaces it`);
  }
  const tools = await findTools();
  const parent = dirname(folder);
  await inWorkFolder(parent, async (work) => {
    await checkSpace(kind, parent);
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
    const trial = await tryBuild(kind, checkedOn, work);
    if (!trial.works) {
      // whoever comes from there has nothing to remove yet
      const remedy = /poeem gpu (remove|setup)/.test(trial.remedy ?? "") ? undefined : trial.remedy;
      const why = `${trial.reason}${remedy === undefined ? "" : ` (${remedy})`}`;
      throw new UserError(`libtensorflow was built, and does not compute here: ${why}; nothing was kept`);
    }
    await writeFile(
      join(made, "build.json"),
      `${JSON.stringify({ kind, parts: [tensorflow, ...PACKAGES, ...cuda] })}\n`,
    );
    await place(kind, made, folder, work);
  });
  return { ...facts, existed: false };
}

/** The wheel's name for itself has an underscore. */
function readMetadata(site: string, name: string): Promise<string> {
  const info = `${name.replaceAll("-", "_")}-${TENSORFLOW_VERSION}.dist-info`;
  return readFile(join(site, info, "METADATA"), "utf8");
}

/** Alone in a folder, as another kind of build may lie beside it, and not one that others cannot write to. */
function checkAgain({ kind, folder, checkedOn }: Omit<SetupFacts, "existed">): Promise<void> {
  return inTemporaryFolder(async (work) => {
    await symlink(folder, buildFolder(kind, work));
    const trial = await tryBuild(kind, checkedOn, work);
    if (trial.works) return;
    const remedy = trial.remedy ?? `poeem gpu remove, and poeem gpu setup --${kind} once more`;
    throw new UserError(`the build in ${folder} does not compute here: ${trial.reason}; ${remedy}`);
  });
}

/** Tries the build in a folder of builds, and no other libtensorflow. */
async function tryBuild(kind: BuildKind, on: CheckedOn, builds: string): Promise<Trial> {
  const trial = await tryBackend(on === "gpu" ? "node-gpu" : "node", { POEEM_CACHE: builds });
  if (!trial.works) return trial;
  const { backend, origin } = trial;
  if (origin !== undefined && "build" in origin && origin.build === buildFolder(kind, builds)) return trial;
  const got = origin === undefined ? "no libtensorflow" : Object.values(origin).join();
  return { backend, works: false, reason: `another one was tried: ${got}` };
}
