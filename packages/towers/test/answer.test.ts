import { InputError } from "@poeem/pq-core";
import type { Words } from "@poeem/pq-core/words";
import { beforeAll, describe, expect, it } from "vitest";
import { answerQuestion, questionVectors, type Searched, suggest } from "../src/index.ts";
import { random } from "./helpers.ts";
import { find, idsOf, openShop, type ShopItem, towerOf, withoutItems } from "./shop.ts";
import { texts } from "./texts.ts";

const NOUNS = ["jacket", "lamp", "chair", "kettle", "scarf", "bottle", "carpet", "mirror", "blanket", "hammer"];
const COLORS = ["red", "green", "blue", "yellow", "silver"];
const GOODS: ShopItem[] = NOUNS.flatMap((noun, n) =>
  COLORS.map((color, c) => ({ id: `p${n}${c}`, title: `${color} ${noun}`, text: `a ${noun} for every day` })),
);

/** The same code as people write it. */
const SPELLINGS = [
  ([a, n, x]: string[]) => `${a}-${n}-${x}`,
  ([a, n, x]: string[]) => `${a}${n}${x}`,
  ([a, n, x]: string[]) => `${a} ${n} ${x}`,
  ([a, n, x]: string[]) => `${a}-${n}${x}`,
  ([a, n, x]: string[]) => `${a}_${n}/${x}`,
].flatMap((spell) => [spell, (code: string[]) => spell(code).toLowerCase()]);

let shop: Searched;
beforeAll(async () => {
  shop = await openShop([
    ...GOODS,
    { id: "x1", title: "生日蛋糕" },
    { id: "x2", title: "红色生日贺卡" },
    { id: "x3", title: "เสื้อแดงสวย" },
    { id: "x4", title: "🎂 cake stand" },
    { id: "x5", title: "-foo" },
    { id: "x6", title: '5" nails' },
    { id: "KX/48 B", title: "Unheard-of thing" },
    { id: "x8", title: "foo bar" },
  ]);
});

describe("codes", () => {
  const draw = random(31);
  const letters = (n: number): string =>
    Array.from({ length: n }, () => "ABCDEFGHKLMNPRSTUVXZ"[Math.floor((draw() + 0.5) * 20)]).join("");
  // families of four that differ in their last letter
  const codes = Array.from({ length: 8 }, () => [letters(2), String(1000 + Math.floor((draw() + 0.5) * 9000))]).flatMap(
    ([a, n]) => ["A", "B", "C", "D"].map((x) => [a!, n!, x]),
  );

  it.each([...SPELLINGS.keys()])(
    "that a catalogue spells in way %i are found in every other, and before their family",
    async (s) => {
      const named = codes.map((code, i) => ({ id: `c${i}`, title: `${NOUNS[i % 10]} ${SPELLINGS[s]!(code)} new` }));
      const index = await openShop([...GOODS, ...named]);
      for (const [i, code] of codes.entries()) {
        const family = codes.flatMap((other, j) => (other[1] === code[1] && other[0] === code[0] ? [`c${j}`] : []));
        const spell = SPELLINGS[(i + s) % SPELLINGS.length]!;
        const answer = (await answerQuestion(index, { text: spell(code) }, { k: 4 }))!;
        const found = await idsOf(index, answer);
        expect(found[0], spell(code)).toBe(`c${i}`);
        expect(answer.coverage[0], spell(code)).toBeGreaterThan(0.75);
        expect(answer.confidence[0]).toBeGreaterThan(0.75);
        expect((await find(index, `${NOUNS[i % 10]} ${spell(code)}`))[0], spell(code)).toBe(`c${i}`);
        for (const part of [`${code[0]}-${code[1]}`, `${code[0]}${code[1]}`, code[1]!, `${code[0]} ${code[1]}`])
          expect(new Set(await find(index, part, { k: 4 })), part).toEqual(new Set(family));
      }
    },
  );

  it("find their family by a beginning that ends inside a number", async () => {
    for (const title of ["AB-1234-X", "AB1234X", "AB 1234 X"]) {
      const index = await openShop([...GOODS, { id: "c", title: `saw ${title}` }]);
      for (const text of ["AB-12", "ab12", "AB 123"]) expect((await find(index, text))[0], title + text).toBe("c");
    }
  });

  it.each([
    ["CHY-VXN", "CHYVXN", "chy-vxn"],
    ["CHYVXN", "CHY-VXN", "chy_vxn"],
    ["0 519 969 574", "0519969574", "0-519-969-574", "0 519 969574"],
    ["0519969574", "0 519 969 574", "0.519.969.574"],
    ["402.101.72", "40210172", "402 101 72", "402-101-72"],
    ["40210172", "402.101.72", "402/101/72"],
    ["2501/384", "2501384", "2501-384", "2501 384"],
    ["2501384", "2501/384"],
    ["(872) 461-3034", "8724613034", "872 461 3034", "872.461.3034"],
    ["8724613034", "(872) 461-3034"],
    ["5K5 590 816 T", "5K5590816T", "5k5-590-816-t", "5K5 590816 T"],
    ["5K5590816T", "5K5 590 816 T"],
    ["A 204 820 00 35", "A2048200035", "a-204-820-00-35"],
    ["A2048200035", "A 204 820 00 35"],
    ["135/40 R21", "135/40R21", "13540R21", "135 40 R21"],
    ["13540R21", "135/40 R21", "135/40R21"],
  ])("written %j are found without their signs, or with others", async (spelled, ...typed) => {
    const index = await openShop([...GOODS, { id: "c", title: `saw ${spelled}, new` }]);
    for (const text of [spelled, ...typed]) {
      const answer = (await answerQuestion(index, { text }))!;
      expect((await idsOf(index, answer))[0], text).toBe("c");
      // one of letters alone is a word like others
      if (/[0-9]/.test(text)) expect(answer.named[0], text).toBe(1);
      expect((await find(index, text, { mode: "words" }))[0], text).toBe("c");
    }
  });

  it("of letters alone are words like others", async () => {
    const goods = [..."abcdefghijkl"].map((id) => ({ id, title: `${id} t-shirt` }));
    const index = await openShop([...GOODS, ...goods, { id: "s", title: "shirts" }]);
    for (const text of ["tshirt", "t-shirt", "T-Shirt "])
      expect((await find(index, text, { mode: "words", k: 12 })).sort()).toEqual([..."abcdefghijkl"]);
    expect(await find(index, "t-shirt", { mode: "words", k: 20 })).toContain("s");
    expect(await find(index, '"t-shirt" c')).toHaveLength(10);
    expect(await find(index, "t-shirt", { mode: "words", k: 20, exclude: ["s"] })).toHaveLength(12);
  });

  it("find their family by a beginning before whatever has its number", async () => {
    const index = await openShop([...GOODS, { id: "c", title: "AB-1234-X" }, { id: "n", title: "12-34-56 widget" }]);
    for (const text of ["ab12", "AB-12", "ab123"]) expect((await find(index, text))[0], text).toBe("c");
    const answer = await answerQuestion(index, { text: "ab12" });
    expect(answer!.named[0]).toBe(1);
  });

  it("may be short where few items have them", async () => {
    const short = ["KX-48", "KX48", "B-7", "b7"];
    for (const spelled of short) {
      const index = await openShop([...GOODS, { id: "c", title: `saw ${spelled} new` }]);
      const alike = short.filter((text) => text[0]!.toLowerCase() === spelled[0]!.toLowerCase());
      for (const text of alike) expect((await find(index, text))[0], spelled + text).toBe("c");
    }
  });

  it("are not what every question with a number is", async () => {
    const index = await openShop([...GOODS, { id: "c", title: "red calendar 2025" }]);
    const answer = (await answerQuestion(index, { text: "red calendars 2025" }))!;
    expect([(await idsOf(index, answer))[0], answer.named[0]]).toEqual(["c", 0]);
  });

  it("one figure apart are another code", async () => {
    const index = await openShop([...GOODS, { id: "c", title: "saw 481234" }]);
    const answer = await answerQuestion(index, { text: "481235" }, { mode: "words" });
    expect(answer?.ordinals ?? []).toHaveLength(0);
  });
});

describe("a name", () => {
  it.each([
    ["red jacket", "p00"],
    ["Red-Jacket!", "p00"],
    ["kx48b", "KX/48 B"],
    ["KX 48-b", "KX/48 B"],
    ["unheard of thing", "Unheard-of thing"],
    ["-foo", "x5"],
    ['5" nails', "x6"],
    ['5"  NAILS', "x6"],
  ])("%j finds its item first, for certain", async (text, expected) => {
    const answer = (await answerQuestion(shop, { text }))!;
    const [first] = await shop.index.items(answer.ordinals);
    expect([first!.id, first!.fields!["title"]]).toContain(expected);
    expect(answer.named[0]).toBe(1);
    expect(answer.confidence[0]).toBe(1);
  });

  it("is read, not only hashed", async () => {
    const words = new Proxy(shop.words!, {
      get: (target, name: keyof Words) => {
        if (name === "named") return () => Uint32Array.of(0, 1);
        const value = target[name];
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const lying = { ...shop, words };
    const answer = (await answerQuestion(lying, { text: "green kettle" }))!;
    expect(Math.max(...answer.named)).toBe(0);
  });

  it("that several have but for signs, case or accents is first of those that spell it so", async () => {
    const many = Array.from({ length: 70 }, (_, i) => ({ id: `m${i}`, title: "Many-Shared" }));
    const index = await openShop([
      { id: "infos@hop.de", title: "a shop's mail" },
      { id: "info@shop.de", title: "another mail" },
      { id: "12_3", title: "one" },
      { id: "1-23", title: "two" },
      { id: "n1", title: "NET" },
      { id: "n2", title: ".NET" },
      { id: "n3", title: "Naïve" },
      { id: "n4", title: "naive" },
      { id: "n5", title: "1" },
      { id: "n6", title: "-1" },
      { id: "1", title: "first" },
      { id: "-1", title: "last" },
      { id: "n7", title: "constructor" },
      { id: "constructor", title: "a function" },
      { id: "n8", title: "AB-77" },
      { id: "n9", title: "ab-77" },
      { id: "n10", title: "A-B 77" },
      ...many,
      { id: "many shared", title: "one of its own" },
    ]);
    for (const [text, ...expected] of [
      ["info@shop.de", "info@shop.de"],
      [" 1-23 ", "1-23"],
      ["12_3", "12_3"],
      [".NET", "n2"],
      ["net", "n1"],
      ["Naïve", "n3"],
      ["NAÏVE", "n3"],
      ["Naive", "n4"],
      ["-1", "-1"],
      ["1", "1"],
      ["constructor", "constructor"],
      ["ab-77", "n9"],
      ["Ab-77", "n8", "n9"],
      ["ab77", "n8", "n9", "n10"],
      ["many shared", "many shared"],
    ] as const) {
      const answer = (await answerQuestion(index, { text }, { k: 100 }))!;
      const ids = await idsOf(index, answer);
      expect(new Set(ids.filter((_, i) => answer.named[i] === 1)), text).toEqual(new Set(expected));
      expect(expected, text).toContain(ids[0]);
    }
  });

  it("that many items share, but for the punctuation, takes no operator away", async () => {
    const many = Array.from({ length: 70 }, (_, i) => ({ id: `s${i}`, title: "Red Shirt" }));
    const others = [
      { id: "o1", title: "Red Hat" },
      { id: "o2", title: "A red coat" },
    ];
    const index = await openShop([...others, ...many]);
    for (const text of ["red -shirt", '"red" shirt -shirt']) {
      const found = await find(index, text, { k: 100 });
      expect(new Set(found), text).toEqual(new Set(["o1", "o2"]));
    }
    expect(await find(index, '"red hat"', { k: 100 })).toEqual(["o1"]);
    const answer = (await answerQuestion(index, { text: "red shirt" }, { k: 100 }))!;
    expect([...answer.named].filter((named) => named === 1)).toHaveLength(70);
  });

  it("is found by every title", async () => {
    for (const { title } of GOODS)
      expect((await find(shop, title))[0]).toBe(GOODS.find((one) => one.title === title)!.id);
  });
});

describe("quotes and minus", () => {
  it.each([
    ['"red" jacket', (title: string) => title.includes("red")],
    ['"red jacket" new', (title: string) => title === "red jacket"],
    ["jacket -red", (title: string) => !title.includes("red")],
    ['lamp -"red lamp"', (title: string) => title !== "red lamp"],
    ["“silver” -lamp chair", (title: string) => title.includes("silver") && !title.includes("lamp")],
    ['"生日"', (title: string) => title.includes("生日")],
  ])("%j", async (text, isAllowed) => {
    for (const mode of ["hybrid", "dense", "words"] as const) {
      const answer = await answerQuestion(shop, { text }, { mode, k: 100 });
      const titles = (await shop.index.items(answer?.ordinals ?? [])).map(({ fields }) => String(fields!["title"]));
      expect(titles.filter((title) => !isAllowed(title))).toEqual([]);
      if (mode === "hybrid") expect(titles.length).toBeGreaterThan(0);
    }
  });

  it.each(["-red", '-"red jacket"', "-red -lamp"])("%j alone is refused", async (text) => {
    await expect(answerQuestion(shop, { text })).rejects.toThrow(
      new InputError("text", "expected a word to look for beside those to leave out, got none"),
    );
  });
});

describe("scripts, pictures, typos, unfinished words", () => {
  it.each([
    ["生日", ["x1", "x2"]],
    ["蛋糕", ["x1"]],
    ["蛋", ["x1"]],
    ["แดง", ["x3"]],
    ["🎂", ["x4"]],
  ])("%j", async (text, expected) => {
    const found = await find(shop, text, { mode: "words" });
    expect(new Set(found)).toEqual(new Set(expected));
  });

  it("one edit in a word of five letters or more finds what the word finds", async () => {
    const draw = random(41);
    for (const noun of NOUNS.filter(({ length }) => length > 4)) {
      const clean = new Set(await find(shop, noun, { k: 5, mode: "hybrid" }));
      for (let i = 0; i < 6; i++) {
        const at = 1 + Math.floor((draw() + 0.5) * (noun.length - 2));
        const typo =
          noun.slice(0, at) + ["", "q", noun[at + 1]! + noun[at]!][i % 3] + noun.slice(at + 1 + Number(i % 3 === 2));
        expect(new Set(await find(shop, typo, { k: 5 })), typo).toEqual(clean);
      }
      expect(new Set(await find(shop, noun.slice(0, 3), { k: 5 }))).toEqual(clean);
    }
  });

  it("a word with a blank behind it is finished", async () => {
    expect((await find(shop, "jac", { mode: "words" })).length).toBe(5);
    expect(await find(shop, "jac ", { mode: "words" })).toEqual([]);
  });
});

describe("confidence", () => {
  it("is near 1 for what has all words, and nonsense finds nothing", async () => {
    const answer = (await answerQuestion(shop, { text: "red jacket every" }))!;
    expect(answer.confidence[0]).toBeGreaterThan(0.95);
    expect((await answerQuestion(shop, { text: "qqqq zzzzzz wwwww" }))?.ordinals ?? []).toHaveLength(0);
  });

  it.each(["pillow", "chairman", "mirrorball"])("of what only looks like %s is low", async (text) => {
    const found = (await answerQuestion(shop, { text }, { mode: "words" }))!;
    expect(found.coverage.length).toBeGreaterThan(0);
    expect(Math.max(...found.confidence)).toBeLessThan(0.4);
  });

  it("of what is misspelt by a letter stays high", async () => {
    const found = (await answerQuestion(shop, { text: "yelow kettel" }, { mode: "words" }))!;
    expect(found.confidence[0]).toBeGreaterThan(0.7);
  });

  it("of what is no nearer than nonsense and has no word is 0, and by codes alone it comes all the same", async () => {
    const far = await openShop(GOODS, { near: [1.5, 2] });
    const query = { text: "ackex etty" };
    expect((await answerQuestion(far, query))!.ordinals).toHaveLength(0);
    const answer = (await answerQuestion(far, query, { mode: "dense" }))!;
    expect(answer.ordinals).toHaveLength(10);
    expect([...answer.confidence]).toEqual(Array(10).fill(0));
  });
});

describe("an index without words, and questions without text", () => {
  it("are answered by codes as before", async () => {
    const old = await openShop(GOODS, undefined);
    for (const [searched, question] of [
      [{ ...old, words: undefined }, { text: "red lamp" }],
      [{ ...shop, words: undefined }, { text: "red lamp" }],
      [shop, { like: "p00" }],
      [shop, { history: ["p00", "p12"] }],
    ] as const) {
      const { vectors, merge, exclude } = (await questionVectors(searched.index, searched.tower, question))!;
      const expected = await searched.index.search(vectors, { k: 7, merge, exclude: [...exclude, "p01"] });
      const answer = (await answerQuestion(searched, question, { k: 7, exclude: ["p01"] }))!;
      expect(answer).toMatchObject({ ...expected, mode: "dense", dense: expected.scores });
      expect(answer.byText).toEqual("text" in question ? answer.dense : expected.scores.map(() => Number.NaN));
      expect([...answer.confidence].every(Number.isNaN)).toBe(true);
    }
  });

  it("cannot be searched by words", async () => {
    const none = { ...shop, words: undefined };
    for (const mode of ["words", "hybrid"] as const) {
      await expect(answerQuestion(none, { text: "red" }, { mode })).rejects.toThrow(
        new InputError("mode", `expected dense, got ${mode}: this index has no words`),
      );
      await expect(answerQuestion(shop, { like: "p00" }, { mode })).rejects.toThrow(
        new InputError("mode", `expected dense, got ${mode}: words need a text`),
      );
    }
  });

  it("without a tower are answered by words alone", async () => {
    const plain = { ...shop, tower: undefined };
    expect(await find(plain, "red jacket")).toEqual(await find(shop, "red jacket", { mode: "words" }));
    await expect(answerQuestion(plain, { text: "red" }, { mode: "dense" })).rejects.toThrow(InputError);
    expect(await answerQuestion(plain, { text: "qqqq" })).toBeUndefined();
  });

  it("of words by other rules are refused", async () => {
    const words = Object.assign(Object.create(shop.words!), { facts: { rules: 2, dense: 1, words: 1 } });
    const message = '[pq-core] words: "rules" expected 1, got 2';
    await expect(answerQuestion({ ...shop, words }, { text: "red" })).rejects.toThrow(message);
    await expect(suggest({ ...shop, words }, "re", 5)).rejects.toThrow(message);
  });
});

describe("a text with other parts", () => {
  const titles = GOODS.map(({ title }) => title);

  it.each(["mean", "mixture"] as const)("is answered by words too, where the tower reads both: %s", async (form) => {
    const searched = { ...shop, tower: towerOf(titles, form) };
    const question = { text: "red jacket", history: ["p00", "p32"] };
    const answer = (await answerQuestion(searched, question))!;
    const found = await idsOf(searched, answer);
    expect(found).not.toContain("p00");
    expect(answer.mode).toBe("hybrid");
    expect(answer.coverage[0]).toBeGreaterThan(0.4);
    // a typo is mended beside a history as well
    expect((await answerQuestion(searched, { ...question, text: "red jaxket" }))!.coverage[0]).toBeGreaterThan(0.4);
    // the history alone is something to look for
    const without = await idsOf(searched, await answerQuestion(searched, { ...question, text: "-red" }, { k: 100 }));
    expect(without.length).toBeGreaterThan(0);
    expect(without.filter((id) => /^p\d0$/.test(String(id)))).toEqual([]);
  });

  it("leans to the history of a mixture, and is as sure as the text is", async () => {
    const goods = await openShop(GOODS);
    const tower = towerOf(
      GOODS.map(({ title, text }) => `${title} ${text}`),
      "mixture",
    );
    const searched = { ...goods, tower };
    const ask = (text: string, history?: string[]) => answerQuestion(searched, { text, history }, { k: 10 });
    // every jacket has the word; which of them gains most is a matter of taste
    for (const [c, color] of COLORS.entries()) {
      const history = NOUNS.flatMap((_, n) => (n > 0 && n < 6 ? [`p${n}${c}`] : []));
      const answer = (await ask("jacket", history))!;
      const jackets = (await searched.index.items(answer.ordinals)).map(({ fields }) => String(fields!["title"]));
      const gains = jackets.flatMap((title, i) =>
        title.endsWith("jacket") ? [{ title, gain: answer.dense[i]! - answer.byText[i]! }] : [],
      );
      expect(gains).toHaveLength(COLORS.length);
      expect(gains.reduce((most, one) => (one.gain > most.gain ? one : most)).title).toBe(`${color} jacket`);
      const plain = (await ask("jacket"))!;
      const alone = new Map(Array.from(plain.ordinals, (ordinal, i) => [ordinal, i]));
      const both = answer.ordinals.findIndex((ordinal) => alone.has(ordinal));
      const at = alone.get(answer.ordinals[both]!)!;
      expect(answer.byText[both]).toBeCloseTo(plain.dense[at]!, 2);
      expect(answer.confidence[both]).toBeCloseTo(plain.confidence[at]!, 2);
      // on the scale of a cosine, which the weights of codes and words are for
      expect(Math.max(...answer.dense)).toBeLessThan(2.5);
    }
    // nonsense finds nothing, whoever asks for it
    expect((await ask("qqqq xxzz", ["p10"]))?.ordinals.length ?? 0).toBe(0);
  });

  it("has the same scores by codes whether the index has words or not", async () => {
    const tower = towerOf(titles, "mixture");
    const history = ["p00", "p32"];
    for (const question of [{ text: "red jacket", history }, { text: "red jacket" }, { history }]) {
      const [byWords, byCodes] = await Promise.all(
        [shop.words, undefined].map((words) => answerQuestion({ ...shop, tower, words }, question, { mode: "dense" })),
      );
      expect(await idsOf(shop, byCodes)).toEqual(await idsOf(shop, byWords));
      expect(byCodes!.dense).toEqual(byWords!.dense);
      expect(byCodes!.byText).toEqual(byWords!.byText);
      // on the scale of a cosine, and by the text alone, which the history says nothing of
      expect(Math.max(...byCodes!.dense)).toBeLessThan(2.5);
      expect([...byCodes!.byText].every(Number.isNaN)).toBe(!("text" in question));
    }
  });

  it("is refused by words alone, which would read nothing but the text", async () => {
    const detail = "expected hybrid or dense, got words, which read no";
    for (const searched of [shop, { ...shop, tower: undefined }, { ...shop, tower: towerOf(titles, "mean") }])
      for (const [others, read] of [
        [{ history: ["p00"] }, "history; exclude leaves items out"],
        [{ context: { device: "desk" } }, "context"],
        [{ history: ["p00"], like: "p00" }, "history and like; exclude leaves items out"],
      ] as const)
        await expect(answerQuestion(searched, { text: "red jacket", ...others }, { mode: "words" })).rejects.toThrow(
          new InputError("mode", `${detail} ${read}`),
        );
  });

  it("is refused beside what has to be asked alone", async () => {
    for (const searched of [shop, { ...shop, tower: undefined }])
      await expect(answerQuestion(searched, { text: "red", like: "p00" })).rejects.toThrow(InputError);
  });
});

describe("any text", () => {
  it("is answered or refused as input", async () => {
    const draw = random(51);
    const signs = ["", '"', "-", " -", ' "', "“", "\ud800", "\0", " ", "x-", "€", "\n", "12", "-12"];
    const pick = (): string => signs[Math.floor((draw() + 0.5) * signs.length)]!;
    const given = [
      "",
      " ",
      "a",
      "the a for",
      "€",
      '"',
      "-",
      "--",
      '""',
      "x".repeat(512),
      "a ".repeat(256),
      "1-".repeat(256),
    ];
    for (const text of [
      ...given,
      ...Array.from(texts(200, 52), (text) => `${pick()}${text}${pick()}${text}${pick()}`),
    ]) {
      for (const mode of [undefined, "dense", "words"] as const) {
        try {
          const answer = await answerQuestion(shop, { text }, { mode, k: 5 });
          expect(answer?.ordinals.length ?? 0).toBeLessThanOrEqual(5);
          for (const value of answer?.confidence ?? []) expect(value >= 0 && value <= 1).toBe(true);
        } catch (error) {
          if (!(error instanceof InputError)) throw new Error(JSON.stringify(text), { cause: error });
        }
      }
      expect((await suggest(shop, text, 3)).length).toBeLessThanOrEqual(3);
    }
  });
});

describe("suggestions", () => {
  it("complete the last word by what goes with the others, the most items first", async () => {
    for (const { title } of GOODS) {
      const [color, noun] = title.split(" ") as [string, string];
      const found = await suggest(shop, `${color} ${noun.slice(0, 2)}`, 5);
      const expected = NOUNS.filter((other) => other.startsWith(noun.slice(0, 2)));
      expect(new Set(found.map(({ text }) => text))).toEqual(new Set(expected.map((other) => `${color} ${other}`)));
      expect(found.every(({ items }) => items === 1)).toBe(true);
    }
    expect(await suggest(shop, "ja", 5)).toEqual([{ text: "jacket", items: 5 }]);
    expect(await suggest(shop, "every jack", 5)).toEqual([{ text: "every jacket", items: 5 }]);
    expect(await suggest(shop, "cake jack", 5)).toEqual([]);
    expect(await suggest(shop, "", 5)).toEqual([]);
    expect(await suggest(shop, "b", 1)).toHaveLength(1);
  });

  it("mend what is misspelt", async () => {
    expect(await suggest(shop, "red jaxket", 5)).toEqual([{ text: "red jacket", items: 1 }]);
    expect(await suggest(shop, "sivler lam", 5)).toEqual([{ text: "silver lamp", items: 1 }]);
    expect(await suggest(shop, "Jaxket ", 5)).toEqual([{ text: "jacket ", items: 5 }]);
    expect(await suggest(shop, "red jacket ", 5)).toEqual([]);
  });

  it("mend letters that changed places, however long the word", async () => {
    const nouns = ["trousers", "backpack", "aluminium", "extraordinary"];
    const index = await openShop(nouns.map((title, i) => ({ id: `t${i}`, title })));
    for (const noun of nouns) {
      for (let i = 0; i + 1 < noun.length; i++) {
        const typed = noun.slice(0, i) + noun[i + 1] + noun[i] + noun.slice(i + 2);
        if (typed !== noun) expect(await suggest(index, typed, 5), typed).toEqual([{ text: noun, items: 1 }]);
      }
    }
  });

  it("keep quotes and minuses, and count what these leave", async () => {
    const some = await openShop([
      { id: "1", title: "lamp leather red" },
      { id: "2", title: "lamp leather rose" },
      { id: "3", title: "lamp rose" },
      { id: "4", title: "lamp rope" },
      { id: "5", title: "sofa rope" },
    ]);
    const found = (text: string) => suggest(some, text, 5);
    expect(await found("lamp -leather r")).toEqual([
      { text: "lamp -leather rope", items: 1 },
      { text: "lamp -leather rose", items: 1 },
    ]);
    expect(await found('"lamp" -"leather rose" -rope ro')).toEqual([
      { text: '"lamp" -"leather rose" -rope rose', items: 1 },
    ]);
    expect(await found("-lamp ro")).toEqual([{ text: "-lamp rope", items: 1 }]);
    expect(await found('"lmap" -leathr ros')).toEqual([{ text: '"lamp" -leathr rose', items: 2 }]);
    expect(await found("lamp -lea")).toEqual([]);
  });

  it("count no removed items, and do not complete to what only they had", async () => {
    const some = await openShop([
      { id: "1", title: "birthday cards" },
      { id: "2", title: "car wax" },
      { id: "3", title: "carton" },
      { id: "4", title: "carton red" },
    ]);
    const left = await withoutItems(some, ["1", "3"]);
    expect(await suggest(some, "car", 5)).toHaveLength(2);
    for (const most of [1, 5]) expect(await suggest(left, "car", most)).toEqual([{ text: "carton", items: 1 }]);
    expect(await suggest(left, "birthday ca", 5)).toEqual([]);
  });

  it("spell words as the catalogue does", async () => {
    const index = await openShop([
      { id: "1", title: "Kässpätzle fresh" },
      { id: "2", title: "Чайник", text: "steel" },
      { id: "3", title: "Robe d'été" },
      { id: "4", title: "AB-1234 drill" },
      { id: "5", title: "plain", text: "Façade paint" },
    ]);
    for (const [typed, ...expected] of [
      ["kä", "kässpätzle"],
      ["KAS", "kässpätzle"],
      ["kasspatlze", "kässpätzle"],
      ["kasspatlze fr", "kässpätzle fresh"],
      ["kasspatlze ", "kässpätzle "],
      ["чай", "чайник"],
      ["robe d'é", "robe d'été"],
      ["Fac", "façade"],
      ["drill ab12", "drill ab1234"],
      ["Kässpätzle"],
      ["Kasspatzle fresh"],
    ]) {
      expect(await suggest(index, typed!, 5), typed).toEqual(expected.map((text) => ({ text, items: 1 })));
    }
  });

  it("find a completion that few items have, where the other words leave few", async () => {
    const noise = Array.from({ length: 300 }, (_, i) => ({ id: `n${i}`, title: `c${i + 100}x cup` }));
    const rare = { id: "r", title: "Blue velvet curtain" };
    const index = await openShop([...noise, ...noise.map(({ title }, i) => ({ id: `m${i}`, title })), ...GOODS, rare]);
    const expected = [{ text: "blue velvet curtain", items: 1 }];
    expect(await suggest(index, "blue velvet c", 5)).toEqual(expected);
    expect(await suggest(index, "velvet c", 5)).toEqual([{ text: "velvet curtain", items: 1 }]);
    expect(await suggest(index, "blue velvet -lamp c", 5)).toEqual([{ text: "blue velvet -lamp curtain", items: 1 }]);
    expect(await suggest(index, "blue velvet -curtain c", 5)).toEqual([]);
  });

  it("complete runs without blanks to whole ones", async () => {
    const index = await openShop([
      { id: "1", title: "เค้ก ช็อกโกแลต" },
      { id: "2", title: "เคสโทรศัพท์" },
      { id: "3", title: "赤いジャケット" },
      { id: "4", title: "ジャケット 黒" },
      { id: "5", title: "青いジャム" },
      { id: "6", title: "신발" },
    ]);
    const textsOf = async (text: string) => (await suggest(index, text, 5)).map((one) => one.text).sort();
    expect(await textsOf("เค")).toEqual(["เคสโทรศัพท์", "เค้ก"].sort());
    expect(await suggest(index, "ジャ", 5)).toEqual([
      { text: "ジャケット", items: 2 },
      { text: "ジャム", items: 1 },
    ]);
    expect(await textsOf("신")).toEqual(["신발"]);
    expect(await textsOf("เคส")).toEqual(["เคสโทรศัพท์"]);
  });

  it("complete runs without blanks", async () => {
    expect((await suggest(shop, "生日", 5)).map(({ text }) => text)).toContain("生日蛋糕");
  });
});
