/** The same steps on two backends from one state: node agree.ts CONFIG STEPS BACKEND... */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { TwoTower } from "@poeem/training/model/two-tower";
import { joinStates, restoreParts, type State } from "@poeem/training/state";
import { createLayer } from "@poeem/training/train/create-layer";
import { createStep } from "@poeem/training/train/create-step";
import { fitConfig } from "@poeem/training/train/fit-config";
import { eventOrderOf } from "@poeem/training/train/history-batch";
import { layerState } from "@poeem/training/train/layer-state";
import { planTraining } from "@poeem/training/train/plan";
