import * as tf from "@tensorflow/tfjs";

/** The native half of TensorFlow's own backend. */
interface Binding {
  executeOp(...args: unknown[]): unknown;
  createTensor(shape: number[], dtype: number, buffer: ArrayBufferView): number;
  tensorDataSync(id: number): ArrayBufferView;
}

/** What went through a backend since it was metered. */
export interface Metered {
  readonly operations: number;
  readonly operationMs: number;
  readonly bytesTo: number;
  readonly bytesFrom: number;
}

/** Meters the current backend from now on, if it is TensorFlow's own: there every operation is one call. */
export function meter(): (() => Metered) | undefined {
  if (tf.getBackend() !== "tensorflow") return undefined;
  const backend = tf.backend() as unknown as { binding: Binding };
  const native = backend.binding;
  let [operations, operationMs, bytesTo, bytesFrom] = [0, 0, 0, 0];
  const metered: Binding = {
    executeOp(...args) {
      const started = performance.now();
      const result = native.executeOp(...args);
      operationMs += performance.now() - started;
      operations++;
      return result;
    },
    createTensor(shape, dtype, buffer) {
      bytesTo += buffer.byteLength;
      return native.createTensor(shape, dtype, buffer);
    },
    tensorDataSync(id) {
      const data = native.tensorDataSync(id);
      bytesFrom += data.byteLength;
      return data;
    },
  };
  backend.binding = Object.setPrototypeOf(metered, native) as Binding;
  return () => ({ operations, operationMs, bytesTo, bytesFrom });
}
