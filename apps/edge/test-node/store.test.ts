/** Index folders through the suite of all stores. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { afterAll, beforeAll, describe } from "vitest";
import { folderStore } from "../src/node/index.ts";
import { makeShop } from "../test/fixture.ts";
import { storeSuite } from "../test/store-suite.ts";

const root = mkdtempSync(join(tmpdir(), "edge-store-"));
const directory = join(root, "index");
const shop = await makeShop(71);
beforeAll(() => writeIndexDirectory(directory, shop.artifact));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("the store over index folders", () => {
  storeSuite(shop, async () => folderStore(directory));
});
