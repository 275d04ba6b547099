import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { listOf } from "@poeem/training/data/csr";
import { describe, expect, it } from "vitest";
import { SETS, setNamed } from "../sets.ts";
import { type OpenTask, openTask, writeConfig } from "../task.ts";

const folder = () => mkdtemp(join(tmpdir(), "recs-sets-"));

async function opened(set: string, data: string): Promise<OpenTask> {
  const kind = setNamed(set);
  const work = await folder();
  const prepared = await kind.prepare(data, work);
  const file = await writeConfig(work, "poeem.config", prepared.config);
  return openTask(file, prepared.data, kind, { users: 1000, validation: 1000 });
}

/** Of each query its user, history and what is to be found, by id. */
function asked({ dataset }: OpenTask, queries: OpenTask["test"]): Record<string, [string[], string[]]> {
  const names = (list: Uint32Array): string[] => Array.from(list, (item) => dataset.ids.at(item)!);
  return Object.fromEntries(
    queries.users.map((user, i) => [user, [names(listOf(queries.histories, i)), names(listOf(queries.relevant, i))]]),
  );
}

describe("a file of sequences", () => {
  it("leaves out the last two items of a user, and trains on whole users with fewer than three", async () => {
    const data = await folder();
    await writeFile(join(data, "any.txt.gz"), gzipSync("a 1 2 3 4\nb 9 1 2\nc 7 8\n\nd 5\n"));
    const task = await opened("beauty", data);
    expect(task.ordered).toBe(true);
    expect(task.numItems).toBe(8);
    expect(asked(task, task.test)).toEqual({ a: [["1", "2", "3"], ["4"]], b: [["9", "1"], ["2"]] });
    expect(asked(task, task.validation)).toEqual({ a: [["1", "2"], ["3"]], b: [["9"], ["1"]] });
    // what is learned from has neither, for choosing and for the test
    expect(task.fitAll).toBe(task.fit);
    const learned = task.dataset.train.users.map((user, i) => [user, ...listOf(task.fit, i)].length - 1);
    expect(Object.fromEntries(task.dataset.train.users.map((user, i) => [user, learned[i]]))).toEqual({
      ...{ a: 2, b: 1, c: 2, d: 1 },
    });
  });

  it("says what it expected of a folder and of a file", async () => {
    const data = await folder();
    await expect(opened("beauty", data)).rejects.toThrow(/expected sequences\.txt or one \.txt in .*, got none/);
    await writeFile(join(data, "twice.txt"), "a 1 2\n\na 3 4\n");
    await expect(opened("beauty", data)).rejects.toThrow(/twice\.txt:3 expected one line for each user, got a again/);
    expect(() => setNamed("books")).toThrow(`--set expected ${Object.keys(SETS).join(", ")}, got books`);
  });
});

describe("a line that the trainer cannot read", () => {
  it.each<[string, string | Buffer, RegExp]>([
    ["an id that no address can name", "a 1 2\n\nb . 3\n", /data\.txt:3 expected an id other than "\." and "\.\."/],
    ["an id that is too long", `a 1 ${"9".repeat(513)}\n`, /data\.txt:1 expected at most 512 bytes of UTF-8, got 513/],
    ["a user that is too long", `${"9".repeat(513)} 1\n`, /data\.txt:1 expected at most 512 bytes of UTF-8, got 513/],
    ["no text", Buffer.from("a 1 2\nb größe 3\nc 1\n", "latin1"), /data\.txt:2 expected UTF-8, got other bytes/],
    ["half a file", gzipSync("a 1 2 3\n").subarray(0, 20), /data\.txt: expected gzip, .* got unexpected end of file/],
    ["other columns", "a,1,2\nb,3,4\n", /data\.txt: expected lines of "user item item …", got "a,1,2"/],
    ["nothing", "\n", /data\.txt: expected lines of "user item item …", got none/],
  ])("is told by the file that was given and its line: %s", async (_, text, expected) => {
    const data = await folder();
    await writeFile(join(data, "data.txt"), text);
    await expect(opened("sequences", data)).rejects.toThrow(expected);
  });
});

describe("ratings", () => {
  const lines = [
    ...Array.from({ length: 400 }, (_, i) => `u${i % 40}::${i % 23}::5::${1000 - i}`),
    "late::1::5::7",
    "late::6::1::9",
    "late::2::5::8",
  ];

  it("orders leave-one-out by time, whatever the rating", async () => {
    const data = await folder();
    await writeFile(join(data, "ratings.dat"), `${lines.join("\n")}\n`);
    const task = await opened("ml-1m-last", data);
    expect(asked(task, task.test)["late"]).toEqual([["1", "2"], ["6"]]);
    expect(asked(task, task.validation)["late"]).toEqual([["1"], ["2"]]);
  });

  it("holds out the newest tenth of the likes, without a file of films too", async () => {
    const data = await folder();
    await writeFile(join(data, "ratings.dat"), `${lines.join("\n")}\n`);
    const task = await opened("ml-1m", data);
    expect(task.config.items.text).toEqual([]);
    // the newest 41 of 402 likes: one of each user, and another one of u0
    const found = asked(task, task.test);
    expect(Object.keys(found)).toHaveLength(40);
    expect(found["u3"]![1]).toEqual(["3"]);
    const films = Array.from({ length: 23 }, (_, i) => `${i}::Film ${i} (19${70 + i})::Drama\n`);
    await writeFile(join(data, "movies.dat"), films.join(""));
    expect((await opened("ml-1m", data)).config.items.text).toEqual(["title"]);
    // MovieLens-1M is in Latin-1
    await writeFile(join(data, "movies.dat"), films.join("").replaceAll("Film", "Café"), "latin1");
    expect((await opened("ml-1m", data)).dataset.items.texts.get("title")).toContain("Café 7");
  });

  it("names a line that is none", async () => {
    const data = await folder();
    await writeFile(join(data, "ratings.dat"), "1::2::3::4\n\n1::2::3\n");
    await expect(opened("ml-1m-last", data)).rejects.toThrow(/ratings\.dat:3 expected user::item::rating::time, got/);
    await writeFile(join(data, "ratings.dat"), "1::2::3::4\n1::..::3::4\n");
    await expect(opened("ml-1m-last", data)).rejects.toThrow(/ratings\.dat:2 expected an id other than/);
  });
});

describe("a published split", () => {
  it("tests what test.txt says and cuts validation out of train.txt, a part of some users", async () => {
    const data = await folder();
    const users = Array.from({ length: 40 }, (_, u) => u);
    const line = (u: number, from: number, count: number): string =>
      `${u} ${Array.from({ length: count }, (_, i) => (u + from + i) % 30).join(" ")}\n`;
    await writeFile(join(data, "train.txt.gz"), gzipSync(users.map((u) => line(u, 0, 10)).join("")));
    await writeFile(join(data, "test.txt"), users.map((u) => line(u, 10, 2)).join(""));
    const task = await opened("kgat", data);
    expect(task.ordered).toBe(false);
    expect(task.test.count).toBe(40);
    expect(task.validation.count).toBe(2);
    const found = asked(task, task.test);
    for (const u of users) {
      const [known, wanted] = found[String(u)]!;
      expect(new Set(known)).toEqual(new Set(Array.from({ length: 10 }, (_, i) => String((u + i) % 30))));
      expect(new Set(wanted)).toEqual(new Set([String((u + 10) % 30), String((u + 11) % 30)]));
    }
    // two items of each of two users: learned from only once the settings are chosen
    expect(task.fit.values).toHaveLength(396);
    expect(task.fitAll.values).toHaveLength(400);
  });
});
