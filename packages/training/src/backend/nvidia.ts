import { existsSync } from "node:fs";

/** The driver's own file, its device, and that of WSL. */
const DRIVER = ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg"];

/** Whether a driver of NVIDIA is loaded; undefined where only loading CUDA would tell. */
export function hasNvidiaDriver(): boolean | undefined {
  return process.platform === "linux" ? DRIVER.some((path) => existsSync(path)) : undefined;
}
