/** Memory and CPU time of a Worker in workerd: through its inspector, and from the kernel's books. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Chrome's DevTools protocol over the socket that workerd offers for a Worker. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: Record<string, number>) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result: Record<string, number> };
      if (id === undefined) return;
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async connect(base: URL): Promise<Inspector> {
    const listed = (await (await fetch(`http://${base.host}/json`)).json()) as {
      id: string;
      webSocketDebuggerUrl: string;
    }[];
    const own = listed.find(({ id }) => id.includes("edge"));
    if (own === undefined)
      throw new Error(`[edge] the inspector lists ${listed.map(({ id }) => id).join(", ")}, no "edge"`);
    const socket = new WebSocket(own.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Inspector(socket);
  }

  ask(method: string): Promise<Record<string, number>> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** Ids of the processes that this one has started and that run `name`; Linux only, elsewhere none. */
export function childrenOf(name: string): string[] {
  const all = existsSync("/proc") ? readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)) : [];
  return all.filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // the name stands in brackets and may have blanks
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(parent) === process.pid && stat.includes(`(${name})`);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

/** Resident bytes of the children of this process that run `name`; Linux only, elsewhere 0. */
export function rssOfChildren(name: string): number {
  let kilobytes = 0;
  for (const pid of childrenOf(name)) {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    kilobytes += Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/** Milliseconds of CPU that the children of this process that run `name` have taken so far; see {@link cpuOf}. */
export function cpuOfChildren(name: string): number {
  return cpuOf(childrenOf(name));
}

/** Milliseconds of CPU that processes have taken so far, all threads together, to the microsecond; Linux only. */
export function cpuOf(pids: readonly string[]): number {
  let nanoseconds = 0;
  for (const pid of pids) {
    // By thread: the file of the process has the first thread alone. Its first number is the time on a processor.
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      try {
        nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
      } catch {
        // It ended meanwhile.
      }
    }
  }
  return nanoseconds / 1e6;
}
