import { LOSS_DEFAULTS, LOSS_LIST, type LossOption } from "@poeem/indexing-layer";
import { z } from "zod";

type Key<Option> = Option extends `${infer Loss}Weight` ? Loss : Option;
/** Its weight is for centroids that follow gradients. Those of a training are moving averages. */
const NOT_OURS = "distortion";
/** Options of the layer's losses as `index` calls them: a weight goes by the name of its loss. */
type LossKey = Exclude<Key<LossOption>, typeof NOT_OURS>;
type LossShape = Record<LossKey, z.ZodOptional<z.ZodNumber>>;

const keyOf = (option: string): LossKey => option.replace(/Weight$/, "") as LossKey;

const number = z.number().min(0);
const OFF = ", but 0 where queries have a history and with the objective full";

/**
 * The options of every loss of the layer, for the schema of `index`. Left out, a loss of queries or of a teacher is on
 * or off as src/train/create-layer.ts says; all others have the layer's defaults.
 */
export const LOSS_SHAPE = Object.fromEntries(
  LOSS_LIST.filter(([name]) => name !== NOT_OURS).flatMap(([, { options, about, needs }]) =>
    Object.entries(options).map(([option, value]) => [
      keyOf(option),
      // config/kinds.ts has the weights that follow from what queries are
      option === "commitmentWeight"
        ? number
            .optional()
            .describe(
              `${about[option]} Default: ${value}, or 1 for mixtures of histories alone, 0.3 with an order, ` +
                "but where the split is by time.",
            )
        : needs === "items"
          ? number.default(value).describe(about[option]!)
          : number.optional().describe(`${about[option]} Default: ${value}${option.endsWith("Weight") ? OFF : ""}.`),
    ]),
  ),
) as unknown as LossShape;

/** What `index` says of the losses, as options of the layer; those left out are absent. */
export function lossOptions(
  index: Readonly<Partial<Record<LossKey, number | undefined>>>,
): Partial<Record<LossOption, number>> {
  const options = Object.keys(LOSS_DEFAULTS) as LossOption[];
  return Object.fromEntries(
    options.flatMap((option) => {
      const value = index[keyOf(option)];
      return value === undefined ? [] : [[option, value]];
    }),
  );
}
