import { UserError } from "@poeem/offline/errors";
import type { Backend } from "@poeem/training/backend/names";
import { hasNvidiaDriver } from "@poeem/training/backend/nvidia";
import { type BuildKind, buildsFolder, TENSORFLOW_VERSION } from "@poeem/training/backend/tensorflow-builds";
import { describeCard, listCards, WHICH_CARDS } from "../gpu/cards.ts";
import { removeBuilds } from "../gpu/remove.ts";
import { setUp } from "../gpu/setup.ts";
import { describeTrial, tryBackend, tryHere } from "../gpu/try-backend.ts";
import { report, say } from "../print.ts";

export interface GpuSetupOptions {
  readonly cuda?: boolean;
  readonly cpu?: boolean;
  readonly json?: boolean;
}

const KINDS = {
  cuda: { name: "CUDA 12", backend: "node-gpu" },
  cpu: { name: "the processor", backend: "node" },
} as const satisfies Record<BuildKind, { name: string; backend: Backend }>;

/** `poeem gpu setup`: libtensorflow of PyPI, linked to Node on this machine. */
export async function setup({ cuda, cpu, json }: GpuSetupOptions): Promise<void> {
  if (cuda && cpu) throw new UserError("--cuda and --cpu make different builds: give one of them, then the other");
  const driver = hasNvidiaDriver() === true;
  if (!cuda && !cpu && !driver)
    throw new UserError(
      "there is no NVIDIA driver on this machine: `poeem gpu setup --cpu` builds for the processor, " +
        "and --cuda for cards all the same, as for an image that runs elsewhere",
    );
  const kind = cpu ? "cpu" : "cuda";
  const cards = kind === "cuda" ? await listCards() : [];
  const hopeless = cards.length > 0 && !cards.some(({ works }) => works);
  if (hopeless && !cuda)
    throw new UserError(`no card of this machine works with it: ${cards.map(describeCard).join("; ")}`);
  const onGpu = kind === "cuda" && driver && !hopeless;
  const facts = await setUp(kind, onGpu ? "gpu" : "processor", say);
  const { name, backend } = KINDS[kind];
  if (kind === "cuda") for (const line of [WHICH_CARDS, ...cards.map(describeCard)]) say(line);
  if (kind === "cuda" && !onGpu) say("there is no NVIDIA GPU for it here: it was checked on the processor");
  report(
    json,
    { ...facts, ...(kind === "cuda" && { cards }) },
    `libtensorflow ${TENSORFLOW_VERSION} for ${name} ${facts.existed ? "was there already" : "is ready"}, ` +
      `and computes, in ${facts.folder}; --backend ${backend} takes it`,
  );
}

/** `poeem gpu check`: the cards of this machine, and which backends start on it. */
export async function check({ json }: { readonly json?: boolean }): Promise<void> {
  const driver = hasNvidiaDriver() ?? null;
  const cards = await listCards();
  // one after the other: each takes the whole processor
  const trials = [];
  for (const backend of ["node-gpu", "webgpu", "node", "wasm"] as const) trials.push(await tryBackend(backend));
  if (json) return report(json, { driver, cards, backends: trials }, "");
  if (driver === false) say("there is no NVIDIA driver on this machine");
  if (cards.length > 0) say("with what `poeem gpu setup` builds:");
  for (const card of cards) say(describeCard(card));
  for (const trial of trials) process.stdout.write(`${describeTrial(trial)}\n`);
}

/** `poeem gpu remove`: what `setup` made, of other versions too, and what setups that were killed have left. */
export async function remove(): Promise<void> {
  const removed = await removeBuilds(buildsFolder());
  if (removed.length === 0) say("there is nothing to remove");
  for (const folder of removed) say(`removed ${folder}`);
}

/** What `tryBackend` runs in a process of its own. */
export async function tryOne(backend: Backend): Promise<void> {
  report(true, await tryHere(backend), "");
}
