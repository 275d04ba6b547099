import { z } from "zod";

/** Kinds of values that several sections know. */
export const column = z.string().min(1);
export const columns = z.array(column);
export const positive = z.number().int().positive();
