import { commitment } from "./commitment.ts";
import { distillation } from "./distillation.ts";
import { distortion } from "./distortion.ts";
import type { LayerLoss } from "./loss.ts";
import { routing } from "./routing.ts";

/** Every loss of the layer, by name. Options, configuration and reports follow from this table. */
export const LOSSES = { distortion, commitment, routing, distillation };

export type LossName = keyof typeof LOSSES;
type KeysOf<T> = T extends unknown ? keyof T & string : never;
/** The options of all losses. */
export type LossOption = KeysOf<(typeof LOSSES)[LossName]["options"]>;
export type LossOptions = Record<LossOption, number>;

/** The losses as a list, for what treats them all alike. */
export const LOSS_LIST = Object.entries(LOSSES) as unknown as [LossName, LayerLoss<Record<string, number>>][];

/** What the options are when left out. */
export const LOSS_DEFAULTS: Readonly<LossOptions> = Object.assign({}, ...LOSS_LIST.map(([, loss]) => loss.options));
