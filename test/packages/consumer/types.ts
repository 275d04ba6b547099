// Compiles only where the packages' declarations are there, and are no `any`.

import { createClient } from "@poeem/edge/client";
import type { PageConfig } from "@poeem/edge/page";
import { IndexingLayer } from "@poeem/indexing-layer";
import { PoeemIndexing } from "@poeem/indexing-layer/layers";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { type Filter, openArtifact, parseFilter } from "@poeem/pq-core";
import kernel from "@poeem/pq-core/kernel-relaxed.wasm";
import { publishInto } from "@poeem/publish/publish-into";
import { answerQuestion } from "@poeem/towers";
import { defineConfig } from "@poeem/trainer";
import { loadConfig } from "@poeem/training/config";

export const used = [createClient, IndexingLayer, PoeemIndexing, openIndexDirectory, openArtifact, publishInto, kernel];
export const filter: Filter = parseFilter("kind:emoji");
export const page: PageConfig = { title: "Shop" };
export const answer: Promise<unknown> = answerQuestion({} as never, { text: "red" }, { k: 3 });
export default defineConfig({ name: "shop", data: { items: "SELECT 1 AS id" }, items: { text: ["title"] } });

// @ts-expect-error a key that there is not
defineConfig({ name: "shop", data: { items: "SELECT 1 AS id" }, items: { texts: ["title"] } });
// @ts-expect-error an expression is a text
parseFilter(3);
// @ts-expect-error the path of a configuration
loadConfig(1);
