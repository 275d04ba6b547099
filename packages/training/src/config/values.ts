import { z } from "zod";

/** Kinds of values that several sections know. */
export const column = z.string().min(1);
export const columns = z.array(column);
export const positive = z.number().int().positive();

/** A text of a form. @param values the texts that it takes, in words, for errors and the reference */
export const textLike = (form: RegExp, values: string) => z.string().regex(form, `expected ${values}`).meta({ values });
