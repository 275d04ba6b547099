import { isOnDevice } from "@poeem/indexing-layer";
import type { TwoTower } from "../../model/two-tower.ts";
import { DeviceRows } from "./device-rows.ts";
import { HostRows } from "./host-rows.ts";
import type { StepRows } from "./step-rows.ts";

/** The rows of a training on the backend that is current. */
export function createStepRows(model: TwoTower): StepRows {
  return isOnDevice() ? new DeviceRows(model.dim) : new HostRows(model);
}
