/**
 * An index folder where the namespace of Workers KV would be: chunks come from the process that started workerd,
 * pointers from the simulator of KV. `/counts` says what has been read since the start. Plain JavaScript, because
 * workerd gets it as it is.
 */
import { WorkerEntrypoint } from "cloudflare:workers";

const counts = { pointers: 0, chunks: 0, bytes: 0 };
const PREFIX = "chunk/";
const MANIFEST = /^manifest-[^/]*\.json$/;

export class FolderStore extends WorkerEntrypoint {
  async get(key, options) {
    if (!key.startsWith(PREFIX)) {
      counts.pointers++;
      return this.env.INDEX.get(key, options);
    }
    counts.chunks++;
    const name = key.slice(PREFIX.length);
    const file = MANIFEST.test(name) ? "manifest.json" : name;
    const response = await this.env.FILES.fetch(`http://files/${encodeURIComponent(file)}`);
    if (!response.ok) return null;
    const bytes = await response.arrayBuffer();
    counts.bytes += bytes.byteLength;
    return bytes;
  }
}

export default { fetch: () => Response.json(counts) };
