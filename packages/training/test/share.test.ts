import { UserError } from "@poeem/offline/errors";
import { describe, expect, it } from "vitest";
import { readShare } from "../src/shards/share.ts";

describe("the share of a task", () => {
  it("is part I of N as the options say, whatever the environment says", () => {
    const environment = { JOB_COMPLETION_INDEX: "7" };
    expect(readShare({ share: "3/16" }, environment)).toEqual({ index: 3, of: 16, isCut: true });
    expect(readShare({ shard: "0/1" }, environment)).toEqual({ index: 0, of: 1, isCut: false });
  });

  it("is all of the input where nothing says otherwise", () => {
    expect(readShare({}, {})).toEqual({ index: 0, of: 1, isCut: true });
    expect(readShare({}, { JOB_COMPLETION_INDEX: "" })).toEqual({ index: 0, of: 1, isCut: true });
  });

  it.each(["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"])("is what %s says", (name) => {
    for (let index = 0; index < 4; index++)
      expect(readShare({ shards: 4 }, { [name]: String(index) })).toEqual({ index, of: 4, isCut: true });
  });

  it("is of as many as Cloud Run says", () => {
    const environment = { CLOUD_RUN_TASK_INDEX: "2", CLOUD_RUN_TASK_COUNT: "3" };
    expect(readShare({}, environment)).toEqual({ index: 2, of: 3, isCut: true });
    expect(readShare({ shards: 3 }, environment)).toEqual({ index: 2, of: 3, isCut: true });
  });

  it("is that of two variables that say the same", () => {
    const environment = { JOB_COMPLETION_INDEX: "1", CLOUD_RUN_TASK_INDEX: "1" };
    expect(readShare({ shards: 2 }, environment)).toEqual({ index: 1, of: 2, isCut: true });
  });

  it.each<[object, Record<string, string>, string]>([
    [{ share: "3" }, {}, "--share 3: expected I/N, such as 3/16: part 3 of 16, counted from 0"],
    [{ share: "-1/4" }, {}, "--share -1/4: expected I/N"],
    [{ share: "4/4" }, {}, "--share: expected an index of 0 to 3, as there are 4 shards, got 4"],
    [{ shard: "0/0" }, {}, "--shard: expected 1 to 100000 shards, got 0"],
    [{ share: "0/2", shards: 2 }, {}, "--share and --shards: expected one of them, got both"],
    [{ shards: 4 }, {}, "--shards 4: expected JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, CLOUD_RUN_TASK_INDEX"],
    [{ shards: 4 }, { JOB_COMPLETION_INDEX: "4" }, "JOB_COMPLETION_INDEX=4: expected an index of 0 to 3"],
    [{ shards: 4 }, { JOB_COMPLETION_INDEX: "one" }, "JOB_COMPLETION_INDEX: expected a whole number of at least 0"],
    [
      { shards: 4 },
      { JOB_COMPLETION_INDEX: "1", AWS_BATCH_JOB_ARRAY_INDEX: "2" },
      "JOB_COMPLETION_INDEX is 1 and AWS_BATCH_JOB_ARRAY_INDEX is 2",
    ],
    [{}, { AWS_BATCH_JOB_ARRAY_INDEX: "1" }, "AWS_BATCH_JOB_ARRAY_INDEX is 1, but of how many is not said"],
    [
      { shards: 4 },
      { CLOUD_RUN_TASK_INDEX: "1", CLOUD_RUN_TASK_COUNT: "3" },
      "--shards 4: expected CLOUD_RUN_TASK_COUNT, which is 3",
    ],
  ])("%j with %j is refused: %s", (options, environment, message) => {
    expect(() => readShare(options, environment)).toThrow(UserError);
    expect(() => readShare(options, environment)).toThrow(message);
  });
});
