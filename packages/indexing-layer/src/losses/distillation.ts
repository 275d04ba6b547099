import { layerLoss } from "./loss.ts";

/**
 * The dense ranking of the items as the teacher of the quantized one (Distill-VQ, Xiao et al., SIGIR 2022, arXiv
 * 2204.00185; listwise). The layer hands the teacher to its caller (`CallResult.teacher`): inside the ranking softmax
 * it costs one product, as a loss of its own three.
 */
export const distillation = layerLoss({
  options: { distillationWeight: 0.25 },
  about: { distillationWeight: "How strongly the ranking by unquantized items teaches the ranking by quantized ones." },
  needs: "teacher",
});
