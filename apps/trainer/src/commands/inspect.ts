import { openIndexDirectory } from "../artifact/open.ts";
import { formatCount } from "../progress.ts";

/** `poeem inspect DIR`: what an index folder holds; every chunk that is read on opening is checked. */
export async function inspect(directory: string, options: { delta?: string; json?: boolean }): Promise<void> {
  const { manifest, kernel } = await openIndexDirectory(directory, options.delta);
  const bytesOf: Record<string, number> = {};
  for (const { kind, size } of manifest.chunks) bytesOf[kind] = (bytesOf[kind] ?? 0) + size;
  const bytesPerItem = (manifest.numSubQuantizers * manifest.nbits) / 8;
  if (options.json) {
    const { chunks, ...facts } = manifest;
    process.stdout.write(`${JSON.stringify({ ...facts, kernel, bytesPerItem, chunks: chunks.length, bytesOf })}\n`);
    return;
  }
  const rotated = manifest.hasRotation ? ", rotated" : "";
  const line = (name: string, value: string): void => void process.stdout.write(`${name.padEnd(12)} ${value}\n`);
  line("version", manifest.version);
  line("items", formatCount(manifest.numItems));
  if (manifest.delta !== undefined) {
    const { baseItems, removed, numItems } = manifest.delta;
    line(
      "changes",
      `${formatCount(numItems)} added or updated, ${formatCount(removed)} removed or replaced of ${formatCount(baseItems)}`,
    );
  }
  line("vectors", `${manifest.dim} dimensions, ${manifest.metric}${rotated}`);
  line(
    "codes",
    `${bytesPerItem} bytes an item: ${manifest.numSubQuantizers} × ${manifest.nbits} bits${manifest.byResidual ? " of the residual" : ""}`,
  );
  line("cells", `${manifest.nlist}, ${manifest.defaultNprobe} visited by default`);
  for (const [kind, bytes] of Object.entries(bytesOf)) line(kind, `${formatCount(bytes)} bytes`);
}
