import * as tf from "@tensorflow/tfjs";
import { type Kernel, replaceKernel } from "./replace-kernel.ts";

/** What is used of TensorFlow's own backend. */
interface TensorflowBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_ATTR_INT: number; readonly TF_ATTR_TYPE: number } & Record<string, number>;
  executeSingleOutput(name: string, attributes: readonly object[], inputs: readonly tf.TensorInfo[]): tf.TensorInfo;
}

/**
 * Replaces a kernel of TensorFlow's own backend that reads its input back to the host, where the whole device is waited
 * for: `gather` looks at every index, which the operation itself does on the processor (on a GPU it gives zeros).
 */
export function useFastTensorflowKernels(backend: string): void {
  replaceKernel("GatherV2", backend, gather);
}

const gather: Kernel<TensorflowBackend> = ({ inputs, attrs, backend }) => {
  const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
  if (indices.dtype !== "int32" || (x.dtype !== "float32" && x.dtype !== "int32")) return undefined;
  const { binding } = backend;
  const axis = tf.scalar(attrs["axis"] as number, "int32");
  const type = (name: string, dtype: "float32" | "int32") => ({
    name,
    type: binding.TF_ATTR_TYPE,
    value: dtype === "float32" ? binding["TF_FLOAT"] : binding["TF_INT32"],
  });
  const attributes = [
    { name: "batch_dims", type: binding.TF_ATTR_INT, value: attrs["batchDims"] },
    type("Tparams", x.dtype),
    type("Tindices", "int32"),
    type("Taxis", "int32"),
  ];
  const gathered = backend.executeSingleOutput("GatherV2", attributes, [x, indices, axis]);
  axis.dispose();
  return gathered;
};
