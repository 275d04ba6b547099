/**
 * A process that publishes into a local KV and can be caught in the act: before its first write to a key that begins
 * with `haltAt` it says so and waits for a line on its standard input. Arguments: Worker's folder, state folder, seed,
 * items, haltAt.
 */
import { once } from "node:events";
import { publishInto } from "../src/publish-into.ts";
import { withLocalStore } from "../src/stores/local.ts";
import { checkedArtifact } from "./artifacts.ts";

const [worker, persist, seed, numItems, haltAt] = process.argv.slice(2) as [string, string, string, string, string];
let halted = false;
await withLocalStore({ worker, persist }, async (store) => {
  const halting = {
    ...store,
    async put(values: Parameters<typeof store.put>[0]) {
      for (const value of values) {
        if (!halted && value.key.startsWith(haltAt)) {
          halted = true;
          process.stdout.write(`halted at ${haltAt}\n`);
          await once(process.stdin, "data");
        }
        await store.put([value]);
      }
    },
  };
  await publishInto(halting, await checkedArtifact(Number(seed), Number(numItems)));
});
process.stdout.write("published\n");
process.stdin.destroy();
