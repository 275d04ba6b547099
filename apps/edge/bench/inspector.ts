/** Memory of a Worker in workerd, through its inspector. */
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
      if (id !== undefined) this.#waiting.get(id)?.(result);
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

/** Resident bytes of the children of this process that run `name`; Linux only, elsewhere 0. */
export function rssOfChildren(name: string): number {
  const field = (status: string, key: string) => new RegExp(`^${key}:\\s+(\\S+)`, "m").exec(status)?.[1];
  let kilobytes = 0;
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)) : []) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      if (field(status, "PPid") === String(process.pid) && field(status, "Name") === name)
        kilobytes += Number(field(status, "VmRSS"));
    } catch {
      // It ended meanwhile.
    }
  }
  return kilobytes * 1024;
}

/** Milliseconds of CPU that the children of this process that run `name` have taken so far; Linux only, elsewhere 0. */
export function cpuOfChildren(name: string): number {
  let ticks = 0;
  for (const pid of existsSync("/proc") ? readdirSync("/proc").filter((entry) => /^\d+$/.test(entry)) : []) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // the name stands in brackets and may have blanks
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[1]) === process.pid && stat.includes(`(${name})`))
        ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended meanwhile.
    }
  }
  // a hundred a second on every Linux that Node runs on
  return ticks * 10;
}
