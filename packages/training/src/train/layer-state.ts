import type { IndexingLayer, IndexingLayerState } from "@poeem/indexing-layer";
import { partOfState, type State, type Stateful, stateNumber } from "../state.ts";

/** The indexing layer as a part of a checkpoint: its own snapshot, flat. */
export function layerState(layer: IndexingLayer): Stateful {
  return {
    async state() {
      const { step, ready, random, buffer, rotation, correlation, variables } = await layer.getState();
      return {
        step,
        ready: ready ? 1 : 0,
        random,
        buffer,
        rotation,
        correlation,
        ...Object.fromEntries(Object.entries(variables).map(([name, values]) => [`variables/${name}`, values])),
      };
    },
    restore(state: State) {
      // the layer itself checks the arrays, and says which is wrong
      const arrays = state as unknown as Pick<IndexingLayerState, "buffer" | "rotation" | "correlation">;
      layer.setState({
        version: 1,
        config: layer.config,
        step: stateNumber(state, "step"),
        ready: stateNumber(state, "ready") === 1,
        random: stateNumber(state, "random"),
        buffer: arrays.buffer,
        rotation: arrays.rotation,
        correlation: arrays.correlation,
        variables: partOfState(state, "variables") as Record<string, Float32Array>,
      });
    },
  };
}
