/** The rate limit of the server of Node, which has none of a platform: by the socket, or by what a proxy says. */
import { mkdtempSync, rmSync } from "node:fs";
import { get as request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type IndexServer, type NodeVariables, serveIndex } from "../src/node/index.ts";
import { addressBehind, memoryRateLimiter } from "../src/node/rate-limiter.ts";
import { makeFixture } from "../test/fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "edge-rate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => void (await writeIndexDirectory(folder, (await makeFixture(1)).artifact)));

const servers: IndexServer[] = [];
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.close()))));

/** A server with these variables, and the statuses that it gives to one request after another. */
async function serve(variables: NodeVariables) {
  const server = await serveIndex({ directory: folder, port: 0, host: "127.0.0.1", variables, log: () => undefined });
  servers.push(server);
  /** @param localAddress of the client: all of 127.0.0.0/8 is this machine */
  const status = (headers: Record<string, string>, localAddress = "127.0.0.1", path = "/openapi.json") =>
    new Promise<number>((resolve, reject) => {
      request(`${server.address}${path}`, { headers, localAddress, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).on("error", reject);
    });
  return async (...asked: Parameters<typeof status>[]) => {
    const statuses = [];
    for (const one of asked) statuses.push(await status(...one));
    return statuses;
  };
}

const forwarded = (addresses: string) => ({ "x-forwarded-for": addresses });

describe("RATE_LIMIT", () => {
  it("goes by the socket, whatever headers say", async () => {
    const statuses = await serve({ RATE_LIMIT: "2" });
    expect(
      await statuses(
        [{ "cf-connecting-ip": "a" }],
        [forwarded("b")],
        [{ authorization: "Bearer c" }],
        [{}, "127.0.0.9"],
      ),
    ).toEqual([200, 200, 429, 200]);
  });

  it("goes by a proxy's word only where TRUSTED_PROXIES says how many there are", async () => {
    const statuses = await serve({ RATE_LIMIT: "1", TRUSTED_PROXIES: "1" });
    // What the client wrote stands on the left.
    expect(
      await statuses(
        [forwarded("192.0.2.1")],
        [forwarded("192.0.2.2")],
        [forwarded("evil, 192.0.2.1")],
        [forwarded("192.0.2.3, 192.0.2.2")],
        [{}],
        [{}],
      ),
    ).toEqual([200, 200, 429, 429, 200, 429]);
  });

  it("counts guesses of tokens, and each token by itself", async () => {
    const statuses = await serve({ RATE_LIMIT: "3", SEARCH_TOKENS: "right" });
    const ask = (token: string, address: string): [Record<string, string>, string, string] => [
      { authorization: `Bearer ${token}` },
      address,
      "/search?q=cake",
    ];
    expect(await statuses(...[1, 2, 3, 4].map((i) => ask(`wrong-${i}`, "127.0.0.2")))).toEqual([401, 401, 401, 429]);
    expect(await statuses(...[3, 4, 5, 6].map((i) => ask("right", `127.0.0.${i}`)))).toEqual([200, 200, 200, 429]);
  });

  it.each(["", "0", "-1", "1.5", "many", "600/60"])("that is %j lets nothing start", async (RATE_LIMIT) => {
    await expect(serve({ RATE_LIMIT })).rejects.toThrow(
      `[edge] variable RATE_LIMIT expected a whole number from 1, got "${RATE_LIMIT}"`,
    );
    await expect(serve({ TRUSTED_PROXIES: RATE_LIMIT })).rejects.toThrow("variable TRUSTED_PROXIES expected");
  });
});

it("a budget says when it begins anew, and how much it is", async () => {
  let now = 0;
  const limiter = memoryRateLimiter(1, () => now);
  await limiter.limit({ key: "a" });
  now = 42_500;
  expect(await limiter.limit({ key: "a" })).toEqual({ success: false, retryAfter: 18, most: 1 });
});

it("a budget begins anew every minute, and a flood of clients takes no more memory than it may", async () => {
  let now = 0;
  const limiter = memoryRateLimiter(2, () => now);
  const passes = async (key: string) => (await limiter.limit({ key })).success;
  expect([await passes("a"), await passes("a"), await passes("a"), await passes("b")]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  now = 59_999;
  expect(await passes("a")).toBe(false);
  now = 60_000;
  expect(await passes("a")).toBe(true);
  for (let i = 0; i < 100_001; i++) await limiter.limit({ key: `flood-${i}` });
  expect([await passes("a"), await passes("a"), await passes("a")]).toEqual([true, true, false]);
});

it.each([
  [1, "a, b, c", "c"],
  [2, "a, b, c", "b"],
  [3, "a, b, c", "a"],
  [4, "a, b, c", "a"],
  [2, "", "socket"],
  [1, undefined, "socket"],
  [1, "a, ", "socket"],
])("behind %i proxies, %j comes from %s", (proxies, header, expected) => {
  const headers: Record<string, string> = header === undefined ? {} : forwarded(header);
  const incoming = { socket: { remoteAddress: "socket" } };
  expect(addressBehind(proxies)(new Request("http://a.test/", { headers }), { incoming })).toBe(expected);
});
