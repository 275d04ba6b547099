// Apart from what starts it, so that the command line can let go of it without loading TensorFlow.js.

let isHeld = false;

/** Puts Dawn where TensorFlow.js's webgpu backend looks for it, as in a browser. */
export function holdWebGpu(gpu: object): void {
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  isHeld = true;
}

/** Whether it is there. */
export const holdsWebGpu = (): boolean => isHeld;

/** Lets go of Dawn, which otherwise keeps the process alive. */
export function stopWebGpu(): void {
  if (!isHeld) return;
  isHeld = false;
  Reflect.deleteProperty(globalThis.navigator, "gpu");
}
