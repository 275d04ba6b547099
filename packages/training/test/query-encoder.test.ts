import { describe, expect, it } from "vitest";
import { emptyLists, toCsr } from "../src/data/csr.ts";
import { questionOf } from "../src/rank/query-encoder.ts";

describe("questionOf", () => {
  const queries = {
    count: 2,
    texts: ["red cake", "Kuchen"],
    users: [],
    histories: toCsr([[3, 1], []]),
    contexts: toCsr([[0, 2], []]),
    relevant: emptyLists(2),
  };
  const contextNames = ["device\tphone\twith\ttabs", "device\tdesk", "page\t"];

  it("gives a context value as it stands in the data, tabs and all", () => {
    expect(questionOf(queries, { contextNames }, 0)).toEqual({
      text: "red cake",
      history: [3, 1],
      context: { device: "phone\twith\ttabs", page: "" },
    });
  });

  it("leaves out what a query does not have", () => {
    expect(questionOf(queries, { contextNames }, 1)).toEqual({ text: "Kuchen" });
  });
});
